package notification

import (
	"context"
	"sync"
)

// usedKeys are the keys of one webhook as they were read last: every request needs them, and the vault answers from the leader of its
// journal. What lies under an id never changes: other keys are another id.
type usedKeys struct {
	mu   sync.Mutex
	id   string
	ring keyring
}

// of are the keys that the vault has under an id. Errors: those of vault.keys.
func (u *usedKeys) of(ctx context.Context, v *vault, id string) (keyring, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.id != id {
		ring, err := v.keys(ctx, id)
		if err != nil {
			return ring, err
		}
		u.id, u.ring = id, ring
	}
	return u.ring, nil
}

// forget drops them.
func (u *usedKeys) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.id, u.ring = "", keyring{}
}
