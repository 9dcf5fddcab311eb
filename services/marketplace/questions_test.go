package marketplace_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

func question(subject string) *marketplacev1.Question {
	return &marketplacev1.Question{Title: "Mandantenfähig?", Subject: subject, Asker: "municipalities/" + buende, AskerRole: "Steueramt"}
}

func TestQuestionAndAnswers(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	subject := m.create(offer(), "hund").GetName()
	asked, err := m.CreateQuestion(t.Context(), &marketplacev1.CreateQuestionRequest{Question: question(subject)})
	if err != nil {
		t.Fatal(err)
	}
	if asked.GetName() != "questions/mandantenfaehig" || asked.GetAnswered() || asked.GetCreateTime().AsTime() != now {
		t.Errorf("asked %v", asked)
	}
	const answers = 8 // at once: none may be lost
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			_, err := m.AnswerQuestion(t.Context(), &marketplacev1.AnswerQuestionRequest{
				Name: asked.GetName(), Text: strings.Repeat("ja", i+1), Role: "Produktmanagement",
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got, err := m.GetQuestion(t.Context(), &marketplacev1.GetQuestionRequest{Name: asked.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, a := range got.GetAnswers() {
		texts = append(texts, a.GetText())
		if a.GetActor() != "tester" || a.GetTime().AsTime() != now {
			t.Errorf("answer %v", a)
		}
	}
	slices.Sort(texts)
	if len(slices.Compact(texts)) != answers || !got.GetAnswered() {
		t.Errorf("answered %v with %q", got.GetAnswered(), texts)
	}
	_, err = m.AnswerQuestion(t.Context(), &marketplacev1.AnswerQuestionRequest{Name: asked.GetName(), Text: "spät", Etag: asked.GetEtag()})
	wantFault(t, err, codes.Aborted, "ETAG_MISMATCH")
	for filter, want := range map[string]int32{
		`subject="solutions/hund" AND answered=true`: 1, "answered=false": 0, `asker="municipalities/` + herford + `"`: 0,
	} {
		page, err := m.ListQuestions(t.Context(), &marketplacev1.ListQuestionsRequest{Filter: filter})
		if err != nil || page.GetTotalSize() != want {
			t.Errorf("%s: %v, %v", filter, page, err)
		}
	}
}

func TestQuestionIsRefused(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	subject := m.create(offer(), "hund").GetName()
	cases := map[string]struct {
		spoil         func(*marketplacev1.Question)
		reason, field string
	}{
		"no title":        {func(q *marketplacev1.Question) { q.Title = " " }, "INVALID_FIELD", "title"},
		"no subject":      {func(q *marketplacev1.Question) { q.Subject = "" }, "INVALID_FIELD", "subject"},
		"unknown subject": {func(q *marketplacev1.Question) { q.Subject = "projects/nichts" }, "UNKNOWN_REFERENCE", "subject"},
		"unknown asker":   {func(q *marketplacev1.Question) { q.Asker = "municipalities/05999999" }, "UNKNOWN_REFERENCE", "asker"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := proto.CloneOf(question(subject))
			c.spoil(q)
			_, err := m.CreateQuestion(t.Context(), &marketplacev1.CreateQuestionRequest{Question: q, QuestionId: "q"})
			violations, _ := wantFault(t, err, codes.InvalidArgument, c.reason)
			if len(violations) != 1 || !strings.HasPrefix(violations[0], "question."+c.field+":") {
				t.Errorf("blames %q", violations)
			}
		})
	}
	_, err := m.AnswerQuestion(t.Context(), &marketplacev1.AnswerQuestionRequest{Name: "questions/nichts", Text: "ja"})
	wantFault(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
}

// TestQuestionIsTakenBack: it is gone from every list, its id is free again, and its history stays.
func TestQuestionIsTakenBack(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	subject := m.create(offer(), "hund").GetName()
	asked, err := m.CreateQuestion(t.Context(), &marketplacev1.CreateQuestionRequest{Question: question(subject)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.DeleteQuestion(t.Context(), &marketplacev1.DeleteQuestionRequest{Name: asked.GetName(), Etag: "0"})
	wantFault(t, err, codes.Aborted, "ETAG_MISMATCH")
	req := &marketplacev1.DeleteQuestionRequest{Name: asked.GetName(), Etag: asked.GetEtag(), ValidateOnly: true}
	if _, err := m.DeleteQuestion(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if _, err := m.GetQuestion(t.Context(), &marketplacev1.GetQuestionRequest{Name: asked.GetName()}); err != nil {
		t.Errorf("validate_only: %v", err)
	}
	req.ValidateOnly, req.RequestId = false, "zurueck-1"
	for range 2 { // a repetition has one effect
		if _, err := m.DeleteQuestion(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	_, err = m.GetQuestion(t.Context(), &marketplacev1.GetQuestionRequest{Name: asked.GetName()})
	wantFault(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	if page, err := m.ListQuestions(t.Context(), &marketplacev1.ListQuestionsRequest{}); err != nil || page.GetTotalSize() != 0 {
		t.Errorf("%v, %v", page, err)
	}
	_, err = m.DeleteQuestion(t.Context(), &marketplacev1.DeleteQuestionRequest{Name: asked.GetName()})
	wantFault(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	if _, err := m.CreateQuestion(t.Context(), &marketplacev1.CreateQuestionRequest{Question: question(subject)}); err != nil {
		t.Errorf("asked again: %v", err)
	}
}
