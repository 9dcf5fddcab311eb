package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	netmail "net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"kompass.krz.de/services/notification/mail/mailtest"
)

// mailboxes are the recipients of TestNotifyKill with mail, and their server, which refuses some messages at first.
type mailboxes struct {
	tb      testing.TB
	server  *mailtest.Server
	digests []mailbox // each with two digests: that of the last local day on earth, and that of the first
	atOnce  []mailbox
	taken   chan string // Message-IDs of digests that the server took and is about to acknowledge, for who waits for one

	mu    sync.Mutex
	tried map[string]bool
}

type mailbox struct {
	id        string
	solutions []string // resource names: what it hears of
}

// firstDay and lastDay are time zones with different dates at any time.
const firstDay, lastDay = "Pacific/Pago_Pago", "Pacific/Kiritimati"

// newMailboxes starts a mail server for so many recipients of digests, and of mail at once, about so many solutions.
func newMailboxes(tb testing.TB, digests, atOnce, solutions int) *mailboxes {
	b := &mailboxes{tb: tb, server: mailtest.Start(tb, false), taken: make(chan string), tried: map[string]bool{}}
	add := func(list []mailbox, id string, i int) []mailbox {
		box := mailbox{id: fmt.Sprint(id, i)}
		for n := range 3 {
			box.solutions = append(box.solutions, fmt.Sprint("solutions/loesung-", (3*i+n)%solutions))
		}
		return append(list, box)
	}
	for i := range digests {
		b.digests = add(b.digests, "sammel-", i)
	}
	for i := range atOnce {
		b.atOnce = add(b.atOnce, "sofort-", i)
	}
	b.server.Set(func(s *mailtest.Server) { s.Accept, s.Answer = b.refuse, b.tell })
	return b
}

// tell says that the server took a digest and is about to acknowledge it.
func (b *mailboxes) tell(m mailtest.Mail) error {
	if id := messageID(m); strings.HasPrefix(id, "<digest.") {
		select {
		case b.taken <- id:
		default:
		}
	}
	return nil
}

func messageID(m mailtest.Mail) string {
	letter, err := netmail.ReadMessage(bytes.NewReader(m.Data))
	if err != nil {
		return ""
	}
	return letter.Header.Get("Message-Id")
}

// refuse refuses the first attempt of every tenth message, in a long run: later ones would cost more than half a minute.
func (b *mailboxes) refuse(m mailtest.Mail) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := messageID(m)
	if b.tried[id] || strings.HasPrefix(id, "<consent.") || *notifyEvents <= 1000 || rand.IntN(10) > 0 {
		b.tried[id] = true
		return nil
	}
	b.tried[id] = true
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
}

func (b *mailboxes) flags() []string {
	return []string{"--smtp-url", "smtp+plain://" + b.server.Address, "--mail-from", "Kompass <kompass@krz.example>"}
}

// open makes the recipients, who confirm their addresses, and their subscriptions. Their first digests are due in the minutes to come.
func (b *mailboxes) open(p *process) {
	b.tb.Helper()
	first := time.Now().Truncate(time.Minute).Add(2 * time.Minute)
	all := slices.Concat(b.digests, b.atOnce)
	for _, box := range all {
		p.do(http.StatusOK, http.MethodPost, "/v1/recipients?recipientId="+box.id,
			fmt.Sprintf(`{"displayName":%q,"mailAddress":"%s@kommune.example","timeZone":%q}`, box.id, box.id, firstDay))
	}
	for i := range all {
		_, page, query := awaitMail(b.tb, b.server, i+1)
		response, err := http.PostForm(p.url+page, query)
		if err != nil || response.StatusCode != http.StatusOK {
			b.tb.Fatalf("confirmed: %v %v", response, err)
		}
		_ = response.Body.Close()
	}
	for i, box := range all {
		frequency := `,"frequency":"FREQUENCY_DAILY","digestTime":"` + b.clock(firstDay, first, i) + `"`
		if i >= len(b.digests) {
			frequency = ""
		}
		p.do(http.StatusOK, http.MethodPost, "/v1/subscriptions?subscriptionId="+box.id,
			fmt.Sprintf(`{"displayName":%q,"recipient":"recipients/%s","mail":true,"topics":["%s"]%s}`, box.id, box.id, strings.Join(box.solutions, `","`), frequency))
	}
}

// clock spreads the digest times over three minutes.
func (b *mailboxes) clock(zone string, first time.Time, i int) string {
	location, err := time.LoadLocation(zone)
	if err != nil {
		b.tb.Fatal(err)
	}
	return first.Add(time.Duration(i%3) * time.Minute).In(location).Format("15:04")
}

// nextDay waits for the first digests and moves their recipients into tomorrow, where another is due in the minutes to come.
func (b *mailboxes) nextDay(c *campaign) {
	b.tb.Helper()
	b.await(len(b.digests))
	close(c.tomorrow)
	first := time.Now().Truncate(time.Minute).Add(2 * time.Minute)
	for i, box := range b.digests {
		c.insist(http.MethodPatch, "/v1/recipients/"+box.id+"?requestId=place-"+box.id, `{"timeZone":"`+lastDay+`"}`)
		c.insist(http.MethodPatch, "/v1/subscriptions/"+box.id+"?requestId=time-"+box.id, `{"digestTime":"`+b.clock(lastDay, first, i)+`"}`)
	}
	for i, box := range b.digests { // so that there is something to tell
		c.insist(http.MethodPatch, "/v1/"+box.solutions[0]+"?requestId=last-"+box.id, fmt.Sprintf(`{"displayName":"Letzter Stand %d"}`, i))
	}
	b.await(2 * len(b.digests))
}

// await waits until there are so many different digests.
func (b *mailboxes) await(n int) {
	b.tb.Helper()
	for limit := time.Now().Add(10 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		seen := map[string]bool{}
		for _, m := range b.server.Mails() {
			if id := messageID(m); strings.HasPrefix(id, "<digest.") {
				seen[id] = true
			}
		}
		if len(seen) >= n {
			return
		}
		if time.Now().After(limit) {
			b.tb.Fatalf("%d digests, want %d", len(seen), n)
		}
	}
}

// check compares what the recipients got with the events: at once each, and each in one digest. What came again has the same
// Message-ID and says the same; aimed are the kills right after a digest was taken.
func (b *mailboxes) check(events []toldEvent, aimed []aim) {
	b.tb.Helper()
	for limit := time.Now().Add(10 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		texts, _ := b.read()
		missing := 0
		for _, box := range b.atOnce {
			for _, e := range box.hears(events) {
				if len(texts["<"+e.ID+"."+box.id+"@krz.example>"]) == 0 {
					missing++
				}
			}
		}
		if missing == 0 {
			break
		}
		if time.Now().After(limit) {
			b.tb.Fatalf("%d messages never came", missing)
		}
	}
	texts, byBox := b.read()
	again, digestsAgain := 0, 0
	for id, copies := range texts {
		again += len(copies) - 1
		if strings.HasPrefix(id, "<digest.") && len(copies) > 1 {
			digestsAgain++
			if len(slices.Compact(slices.Clone(copies))) > 1 {
				b.tb.Errorf("%s does not always say the same", id)
			}
		}
	}
	for _, box := range b.digests {
		b.checkDigests(box, byBox[box.id], texts, events)
	}
	for _, a := range aimed {
		b.tb.Logf("killed %v after %s was taken; it came %d times in all", a.after, a.id, len(texts[a.id]))
	}
	b.tb.Logf("mail: %d different messages, %d came again; of %d digests %d, after %d kills right behind their delivery", len(texts), again, 2*len(b.digests), digestsAgain, len(aimed))
	if digestsAgain > len(aimed) {
		b.tb.Errorf("%d digests came again", digestsAgain)
	}
}

// item is one of a digest: the last event about a thing, and how many there were.
var item = regexp.MustCompile(`(?m)^(Lösung „.*“ geändert)\n  (?:(\d+)-mal)?`)

// checkDigests expects two digests of different days, and each event in one of them.
func (b *mailboxes) checkDigests(box mailbox, ids []string, texts map[string][]string, events []toldEvent) {
	b.tb.Helper()
	slices.Sort(ids) // by day
	var days []string
	times := map[string]int{} // that a digest tells of events, by the summary of the last
	for _, id := range ids {
		days = append(days, strings.TrimPrefix(id, "<digest.")[:len(time.DateOnly)])
		for _, found := range item.FindAllStringSubmatch(texts[id][0], -1) {
			n, _ := strconv.Atoi(found[2])
			times[found[1]] += max(n, 1)
		}
	}
	if len(days) != 2 || days[0] == days[1] {
		b.tb.Errorf("%s has digests of %v", box.id, days)
	}
	for _, solution := range box.solutions {
		untold := 0
		for _, e := range (mailbox{solutions: []string{solution}}).hears(events) {
			untold++
			if n := times[e.SummaryDe]; n > 0 && n != untold {
				b.tb.Errorf("%s: with %q %d events are told, want %d", box.id, e.SummaryDe, n, untold)
			} else if n > 0 {
				untold = 0
			}
		}
		if untold > 0 {
			b.tb.Errorf("%s: the last %d events of %s are in no digest", box.id, untold, solution)
		}
	}
}

func (m mailbox) hears(events []toldEvent) (heard []toldEvent) {
	for _, e := range events {
		if slices.Contains(m.solutions, e.Resource) {
			heard = append(heard, e)
		}
	}
	return heard
}

// read gives the texts of all messages by their Message-ID, and these by recipient.
func (b *mailboxes) read() (texts, byBox map[string][]string) {
	b.tb.Helper()
	texts, byBox = map[string][]string{}, map[string][]string{}
	for _, m := range b.server.Mails() {
		letter, err := netmail.ReadMessage(bytes.NewReader(m.Data))
		if err != nil {
			b.tb.Fatal(err)
		}
		_, parameters, err := mime.ParseMediaType(letter.Header.Get("Content-Type"))
		if err != nil {
			b.tb.Fatal(err)
		}
		part, err := multipart.NewReader(letter.Body, parameters["boundary"]).NextPart()
		if err != nil {
			b.tb.Fatal(err)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			b.tb.Fatal(err)
		}
		id := letter.Header.Get("Message-Id")
		box, _, _ := strings.Cut(m.To, "@")
		if len(texts[id]) == 0 && !strings.HasPrefix(id, "<consent.") {
			byBox[box] = append(byBox[box], id)
		}
		texts[id] = append(texts[id], strings.ReplaceAll(string(text), "\r\n", "\n"))
	}
	return texts, byBox
}
