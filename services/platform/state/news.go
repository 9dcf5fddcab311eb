package state

import "context"

// Changed returns what is closed when the next records of a followed stream, that of the given service, are applied. Who asks
// before looking at the state misses none of them, and many records at once wake it once. It is nil, which never is closed, for
// a stream that is not followed.
func (r *Replica[S]) Changed(service string) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, src := range r.sources {
		if src.log.Name().Service == service {
			if src.news == nil {
				src.news = make(chan struct{})
			}
			return src.news
		}
	}
	return nil
}

// tell wakes those who wait for records of a stream; the caller holds Replica.mu, and what they look for is visible already.
func (src *source) tell() {
	if src.news != nil {
		close(src.news)
		src.news = nil
	}
}

// CatchUp waits until the state holds all that each followed stream holds at this moment: what another service knew when it
// wrote a record that is in this state is then here, too. Errors: ErrBroken, ErrBehind when ctx ends first, those of the ledger.
func (r *Replica[S]) CatchUp(ctx context.Context) error {
	for _, src := range r.sources {
		last, err := src.log.LastSequence(ctx)
		if err != nil {
			return err
		}
		if _, err := r.await(ctx, src, last); err != nil {
			return err
		}
	}
	return nil
}
