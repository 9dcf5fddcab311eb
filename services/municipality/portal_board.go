package municipality

import (
	"cmp"
	"context"
	"math"
	"slices"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// GetPortalBoard answers the portals by wave.
func (s *Service) GetPortalBoard(context.Context, *municipalityv1.GetPortalBoardRequest) (*municipalityv1.PortalBoard, error) {
	r, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	return boardOf(r.allPortals()), nil
}

// boardOf groups portals by wave, those without one last, each wave by display name. It sorts its argument.
func boardOf(all []*municipalityv1.Portal) *municipalityv1.PortalBoard {
	slices.SortFunc(all, func(a, b *municipalityv1.Portal) int {
		return cmp.Or(cmp.Compare(placeOfWave(a), placeOfWave(b)), cmp.Compare(a.GetDisplayName(), b.GetDisplayName()),
			cmp.Compare(a.GetName(), b.GetName()))
	})
	board := &municipalityv1.PortalBoard{}
	var wave *municipalityv1.PortalWave
	for _, p := range all {
		if wave == nil || wave.GetWave() != p.GetWave() {
			wave = &municipalityv1.PortalWave{Wave: p.GetWave()}
			board.Waves = append(board.Waves, wave)
		}
		addPortal(wave, p)
	}
	return board
}

// placeOfWave is where the wave of a portal comes on the board.
func placeOfWave(p *municipalityv1.Portal) int32 {
	if p.GetWave() == 0 {
		return math.MaxInt32
	}
	return p.GetWave()
}

func addPortal(wave *municipalityv1.PortalWave, p *municipalityv1.Portal) {
	wave.Portals = append(wave.Portals, p)
	wave.PublishedServices += p.GetPublishedServices()
	if d := p.GetWaveDate(); d != "" && (wave.GetWaveDate() == "" || d < wave.GetWaveDate()) {
		wave.WaveDate = d
	}
	switch p.GetPhase() {
	case municipalityv1.Portal_PHASE_INSTALLED:
		wave.Installed++
	case municipalityv1.Portal_PHASE_FILLING:
		wave.Filling++
	case municipalityv1.Portal_PHASE_PUBLISHED:
		wave.Published++
	default:
		wave.Planned++
	}
}
