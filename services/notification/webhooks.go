package notification

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/webhook"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

const (
	// syncEvery is how often a process looks whether webhooks were changed elsewhere.
	syncEvery = 200 * time.Millisecond
	// sweepEvery is how often what is too old is dropped, and what nobody refers to.
	sweepEvery = time.Hour
	// sweepAge is how long keys may lie in the vault before the ledger refers to them.
	sweepAge = time.Hour
)

// webhooks delivers what concerns webhooks, and knows how that stands.
type webhooks struct {
	service    *Service
	deliveries *journal.Journal
	guard      webhook.Guard
	sender     *webhook.Sender
	owner      string // this process
	alone      bool   // no other process can be at work: whoever called a webhook before is dead
	seed       maphash.Seed
	random     func() float64 // in [0,1), for pauses

	mu      sync.Mutex // guards what is below, and the books
	moved   *sync.Cond // when a book changed
	books   map[string]*book
	workers map[string]*worker
	reached bool // the past is read
}

func openWebhooks(ctx context.Context, s *Service, site ledger.Site, settings Settings) (*webhooks, error) {
	h := &webhooks{service: s, alone: site.Store != "", seed: maphash.MakeSeed(), books: map[string]*book{}, workers: map[string]*worker{}}
	h.random = rand.Float64 //nolint:forbidigo // spreads the next attempts; what came of it is noted
	h.moved = sync.NewCond(&h.mu)
	var err error
	if h.guard, err = webhook.NewGuard(settings.WebhookNetworks...); err != nil {
		return nil, err
	}
	origin, err := settings.host(site.Origin)
	if err != nil {
		return nil, err
	}
	var id [8]byte
	if _, err := io.ReadFull(settings.random(), id[:]); err != nil {
		return nil, fmt.Errorf("no randomness for an id: %w", err)
	}
	h.owner = hex.EncodeToString(id[:])
	h.sender = webhook.NewSender(webhook.Config{Guard: h.guard, Origin: origin, Clock: s.clock, RequestTimeout: settings.patience})
	h.deliveries, err = journal.Open(ctx, site, journal.Config{Name: "deliveries", MaxAge: deliveriesKept})
	return h, err
}

// run reads the past and then delivers until ctx ends.
func (h *webhooks) run(ctx context.Context) {
	if h.service.replica.Ready(ctx) != nil {
		return
	}
	defer h.sender.Close()
	h.sync()
	var working sync.WaitGroup
	defer working.Wait()
	// What somebody asked for again means the matches before it: they are read first.
	if !h.follow(ctx, &working, h.service.matches, "", h.applyMatches) || !h.follow(ctx, &working, h.deliveries, tokenWebhook, h.applyNotes) {
		return
	}
	h.mu.Lock()
	h.reached = true
	h.mu.Unlock()
	h.sweep(ctx)
	ticker, sweep := time.NewTicker(syncEvery), time.NewTicker(sweepEvery)
	defer ticker.Stop()
	defer sweep.Stop()
	var seen uint64
	for {
		if _, at, err := h.service.replica.ReadAt(); err == nil && at[0] != seen {
			seen = at[0]
			h.sync()
		}
		h.employ(ctx, &working)
		select {
		case <-ticker.C:
		case <-sweep.C:
			h.sweep(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// follow hands a journal's messages of the last two weeks to apply, and then those to come. It returns when the former are
// applied; false when ctx ended before that.
func (h *webhooks) follow(ctx context.Context, working *sync.WaitGroup, j *journal.Journal, token string, apply func([]journal.Message)) bool {
	var tokens []string
	if token != "" {
		tokens = []string{token}
	}
	filter, err := j.Filter(tokens...)
	if err != nil {
		h.service.log.Error("webhooks get nothing", "error", err)
		return false
	}
	var first, target uint64
	for {
		var last journal.Message
		// An hour less than what the journals remember: the clocks of servers differ.
		if first, err = j.From(ctx, h.service.clock().Add(time.Hour-deliveriesKept)); err == nil {
			last, _, err = j.Last(ctx, filter)
		}
		if target = last.Sequence; err == nil {
			break
		}
		h.service.log.Warn("webhooks wait for a journal", "error", err)
		if pause(ctx, time.Second); ctx.Err() != nil {
			return false
		}
	}
	reached := make(chan struct{})
	done := func(sequence uint64) {
		if reached != nil && sequence >= target {
			close(reached)
			reached = nil
		}
	}
	waiting := reached
	if first = max(first, 1); first > target {
		done(target)
	}
	working.Go(func() {
		err := j.Follow(ctx, first-1, filter, func(batch []journal.Message) error {
			apply(batch)
			done(batch[len(batch)-1].Sequence)
			return nil
		})
		if err != nil {
			h.service.log.Error("webhooks get nothing any more", "error", err)
		}
	})
	select {
	case <-waiting:
		return true
	case <-ctx.Done():
		return false
	}
}

// applyMatches enters which events found which webhooks.
func (h *webhooks) applyMatches(batch []journal.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range batch {
		match, err := matchFrom(m)
		if err != nil {
			h.service.log.Error("a match cannot be read and reaches no webhook", "error", err)
		}
		for _, hit := range match.GetHits() {
			if id, ok := strings.CutPrefix(hit.GetWebhook(), "webhooks/"); ok {
				h.book(id).match(match.GetEvent(), m.Time, maphash.String(h.seed, match.GetResource())|1) // 0 is unknown
				h.poke(id)
			}
		}
	}
	h.moved.Broadcast()
}

// applyNotes enters how deliveries went.
func (h *webhooks) applyNotes(batch []journal.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range batch {
		id, note, err := deliveryNote(m)
		if err != nil {
			h.service.log.Error("a delivery is not counted", "error", err)
			continue
		}
		h.book(id).note(m.Sequence, m.Time, note)
		h.poke(id)
	}
	h.moved.Broadcast()
}

// book is the book of a webhook; the caller holds mu.
func (h *webhooks) book(id string) *book {
	b := h.books[id]
	if b == nil {
		b = &book{}
		h.books[id] = b
	}
	return b
}

// poke tells a worker to look again; the caller holds mu.
func (h *webhooks) poke(id string) {
	if w := h.workers[id]; w != nil {
		w.poke()
	}
}

// sync takes over which webhooks are called.
func (h *webhooks) sync() {
	w, err := h.service.replica.Read()
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hook := range w.webhookList() {
		id := strings.TrimPrefix(hook.GetName(), "webhooks/")
		b := h.book(id)
		b.begin(hook.GetCreateTime().AsTime())
		b.activate(activeSince(hook))
		b.pace.Allow(int(hook.GetAllowedRate()))
		h.poke(id)
	}
	for id, b := range h.books {
		if _, ok := w.webhooks.Get("webhooks/" + id); !ok {
			b.activate(time.Time{})
		}
	}
}

// activeSince is since when a webhook is called; zero while it is not.
func activeSince(h *notificationv1.Webhook) time.Time {
	if h.GetState() != webhookActive {
		return time.Time{}
	}
	return h.GetActiveTime().AsTime()
}

// employ gives each webhook that is called a worker, for good.
func (h *webhooks) employ(ctx context.Context, working *sync.WaitGroup) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, b := range h.books {
		if !b.active.IsZero() && h.workers[id] == nil {
			w := newWorker(h, id, b)
			h.workers[id] = w
			working.Go(func() { w.run(ctx) })
		}
	}
}

// sweep drops what is too old, and erases keys that nobody refers to.
func (h *webhooks) sweep(ctx context.Context) {
	now := h.service.clock()
	h.mu.Lock()
	for id, b := range h.books {
		b.forget(now.Add(-deliveriesKept))
		if len(b.entries) == 0 && b.active.IsZero() && h.workers[id] == nil {
			delete(h.books, id)
		}
	}
	h.mu.Unlock()
	w, err := h.service.replica.Read()
	if err != nil {
		return
	}
	referred := map[string]bool{}
	for _, hook := range w.webhookList() {
		referred[hook.GetVaultId()] = true
	}
	err = h.service.vault.sweep(ctx, webhookKeysKind, now.Add(-sweepAge), func(id string) bool { return referred[id] })
	if err != nil {
		h.service.log.Warn("keys that nobody refers to are erased later", "error", err)
	}
}

// shown is a webhook as clients see it.
func (h *webhooks) shown(stored *notificationv1.Webhook) *notificationv1.Webhook {
	hook := proto.CloneOf(stored)
	hook.VaultId = ""
	h.mu.Lock()
	defer h.mu.Unlock()
	if b := h.books[strings.TrimPrefix(hook.GetName(), "webhooks/")]; b != nil && hook.GetState() == webhookActive {
		hook.Failures, hook.Waiting = int32(b.breaker.Failures()), int32(b.queue.count)
		if at := b.breaker.RetryTime(); !at.IsZero() {
			hook.RetryTime = timestamppb.New(at)
		}
	}
	return hook
}

// append writes a note of a person about a webhook and waits until this process knows it. decide looks at the book, may refuse,
// and runs again when somebody else wrote; nil writes nothing. Errors are faults.
func (h *webhooks) append(ctx context.Context, id string, decide func(*book) (*notificationv1.DeliveryNote, error)) error {
	subject, err := deliverySubject(h.deliveries, id)
	if err != nil {
		return answered(err)
	}
	for {
		last, _, err := h.deliveries.Last(ctx, subject)
		if err != nil {
			return answered(err)
		}
		if err := h.await(ctx, id, last.Sequence); err != nil {
			return answered(err)
		}
		h.mu.Lock()
		note, err := decide(h.book(id))
		h.mu.Unlock()
		if err != nil || note == nil {
			return err
		}
		m, err := deliveryMessage(h.deliveries, id, note)
		if err != nil {
			return answered(err)
		}
		sequence, err := h.deliveries.Append(ctx, m, journal.Guard{Filter: subject, Last: last.Sequence})
		if err == nil {
			err = h.await(ctx, id, sequence)
		}
		if !errors.Is(err, journal.ErrConflict) {
			if err != nil {
				err = answered(err)
			}
			return err
		}
	}
}

// await waits until a book holds a note. Errors: journal.ErrUnavailable when that takes too long.
func (h *webhooks) await(ctx context.Context, id string, sequence uint64) error {
	ctx, cancel := context.WithTimeout(ctx, indexTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { h.mu.Lock(); h.moved.Broadcast(); h.mu.Unlock() })()
	h.mu.Lock()
	defer h.mu.Unlock()
	for !h.reached || h.book(id).last < sequence {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: the deliveries are not read that far", journal.ErrUnavailable)
		}
		h.moved.Wait()
	}
	return nil
}
