package municipality

// Version says what the answer of a read about a resource depends on, as numbers that only grow: while they are the same, the
// answer is, on one day. It is zero for reads that depend on more than the place, its Kreis, the catalogue and the marketplace,
// and when there is no state to read.
func (s *Service) Version(rpc, resource string) (v [4]uint64) {
	const itself, kreis, catalogue, marketplace = 0, 1, 2, 3
	switch rpc {
	case "GetMunicipality", "GetImplementation", "ListImplementations", "ListOnlineServices":
	default:
		return v
	}
	r, at, err := s.replica.ReadAt()
	if err != nil {
		return v
	}
	p := r.place(agsOf(resource))
	if p == nil {
		return v
	}
	v[itself] = 1 + p.sequence
	switch rpc {
	case "GetImplementation", "ListImplementations":
		v[catalogue], v[marketplace] = at[1], at[2]
	case "ListOnlineServices":
		v[catalogue] = at[1]
		if district := r.place(p.area); district != nil {
			v[kreis] = 1 + district.sequence
		}
	}
	return v
}
