package state

import (
	"errors"

	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
)

// asFault gives the errors of ledger and state the status that a client shall see; others pass.
func asFault(err error) error {
	var f *fault.Error
	switch {
	case err == nil, errors.As(err, &f):
		return err
	case errors.Is(err, ledger.ErrRevision):
		return fault.New(fault.InvalidRevision).Cause(err)
	case errors.Is(err, ErrBroken), errors.Is(err, ledger.ErrDamaged):
		return fault.New(fault.StreamBroken).Cause(err)
	case errors.Is(err, ErrBehind):
		return fault.New(fault.NotCaughtUp).Cause(err)
	case errors.Is(err, ledger.ErrUnavailable):
		return fault.New(fault.StorageUnavailable).Cause(err)
	}
	return err
}
