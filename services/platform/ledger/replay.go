package ledger

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// replay hands the records up to last over from the block files of the embedded server, which is several times as fast as a
// consumer: the server would read the same files, and wrap every record into a message. It answers where it ended; what is
// missing up to last, a consumer has to bring. Files are only read; records up to last are in them, because the server
// synced them before it counted them. Reading, decoding and taking go on side by side.
func (l *Log) replay(ctx context.Context, last uint64, take func([]Entry) error) (uint64, error) {
	if l.store == "" || last == 0 {
		return 0, nil
	}
	var end uint64
	group, ctx := errgroup.WithContext(ctx)
	batches, decoded := make(chan []Message, 2), make(chan []Entry, 2)
	group.Go(func() error {
		defer close(batches)
		return l.readUpTo(ctx, last, batches)
	})
	group.Go(func() error {
		defer close(decoded)
		for batch := range batches {
			entries, damage := l.feed.chain.decode(batch)
			select {
			case decoded <- entries:
			case <-ctx.Done():
			}
			if damage != nil {
				return damage
			}
		}
		return nil
	})
	group.Go(func() error {
		for entries := range decoded {
			if err := take(entries); err != nil {
				return err
			}
			if n := len(entries); n > 0 {
				end = entries[n-1].Sequence
			}
		}
		return nil
	})
	err := group.Wait()
	return end, err
}

// errEnough ends the reading of blocks.
var errEnough = errors.New("enough was read")

func (l *Log) readUpTo(ctx context.Context, last uint64, batches chan<- []Message) error {
	batch := make([]Message, 0, followBatch)
	send := func() error {
		if len(batch) == 0 {
			return nil
		}
		select {
		case batches <- batch:
			batch = make([]Message, 0, followBatch)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var damage *Damage
	visit := func(m Message) error {
		if damage != nil {
			return damage
		}
		if m.Sequence > last {
			return errEnough
		}
		if batch = append(batch, m); len(batch) < followBatch {
			return nil
		}
		return send()
	}
	err := readBlocks(l.store, l.name.Stream(), visit, func(d *Damage) {
		if damage == nil {
			damage = d
		}
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if damage != nil && damage.Sequence <= last {
		return damage
	}
	return send()
}
