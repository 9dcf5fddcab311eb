package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// unit is a part of the process that starts, runs and stops.
type unit struct {
	name string
	// start returns when the unit can be used by the next one.
	start func(ctx context.Context) error
	// run, if not nil, works until its ctx ends; an error before that stops the whole process.
	run func(ctx context.Context) error
	// stop, if not nil, is called after run has returned; it must end within stopLimit.
	stop func(ctx context.Context) error
}

// stopLimit bounds how long one unit may take to stop.
const stopLimit = 20 * time.Second

// running is a started unit.
type running struct {
	unit
	cancel context.CancelFunc
	done   chan struct{}
}

// supervise starts units in order, calls ready beside them, waits until ctx ends or a unit fails, and stops them in reverse order: what
// came first, the broker, goes last.
func supervise(ctx context.Context, log *slog.Logger, units []unit, ready func(context.Context) error) error {
	var started []*running
	failures := make(chan error, len(units)+1)
	err := func() error {
		for _, u := range units {
			r := &running{unit: u, done: make(chan struct{})}
			err := r.begin(ctx, failures)
			if ctx.Err() != nil && err != nil {
				return nil //nolint:nilerr // being told to stop is no failure
			}
			if err != nil {
				return fmt.Errorf("%s: %w", u.name, err)
			}
			started = append(started, r)
			select { // a unit that fails while a later one starts ends the start
			case err := <-failures:
				return err
			default:
			}
		}
		go func() {
			if err := ready(ctx); err != nil && ctx.Err() == nil {
				failures <- err
			}
		}()
		select {
		case <-ctx.Done():
			return nil
		case err := <-failures:
			return err
		}
	}()
	for _, r := range slices.Backward(started) {
		if stopErr := r.end(); stopErr != nil {
			log.Error("stop", "unit", r.name, "error", stopErr)
			err = errors.Join(err, fmt.Errorf("stop %s: %w", r.name, stopErr))
		}
	}
	return err
}

func (r *running) begin(ctx context.Context, failures chan<- error) error {
	// Units outlive the signal that ends the process: they are ended one by one, in order.
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	go func() {
		defer close(r.done)
		if r.run == nil {
			return
		}
		if err := r.run(runCtx); err != nil && runCtx.Err() == nil {
			failures <- fmt.Errorf("%s: %w", r.name, err)
		}
	}()
	if r.start == nil {
		return nil
	}
	started := make(chan error, 1)
	go func() { started <- r.start(ctx) }()
	var err error
	select {
	case err = <-started:
	case <-ctx.Done(): // told to stop while a start hangs
		err = fmt.Errorf("start was interrupted: %w", ctx.Err())
	}
	if err != nil {
		cancel()
		<-r.done
	}
	return err
}

func (r *running) end() error {
	r.cancel()
	select {
	case <-r.done:
	case <-time.After(stopLimit):
		return errors.New("still running after " + stopLimit.String())
	}
	if r.stop == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	return r.stop(ctx)
}
