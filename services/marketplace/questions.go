package marketplace

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/names"
	"kompass.krz.de/services/platform/resource"
)

var questionKind = resource.Kind[world, *marketplacev1.Question]{
	Token: "question",
	Find:  func(w world, name string) (*marketplacev1.Question, bool) { return w.questions.Get(name) },
	Bare: func(q *marketplacev1.Question) *marketplacev1.Question {
		q = proto.CloneOf(q)
		q.Etag, q.UpdateTime = "", nil
		return q
	},
}

// GetQuestion answers one question with its answers.
func (s *Service) GetQuestion(_ context.Context, req *marketplacev1.GetQuestionRequest) (*marketplacev1.Question, error) {
	return questionKind.Get(s.replica, req.GetName())
}

// ListQuestions answers a page of questions.
func (s *Service) ListQuestions(_ context.Context, req *marketplacev1.ListQuestionsRequest) (*marketplacev1.ListQuestionsResponse, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	page, next, total, err := list.Page(req, w.questionList(), list.Options[*marketplacev1.Question]{})
	if err != nil {
		return nil, err
	}
	return &marketplacev1.ListQuestionsResponse{Questions: page, NextPageToken: next, TotalSize: total}, nil
}

// CreateQuestion asks a question about a solution or project.
func (s *Service) CreateQuestion(ctx context.Context, req *marketplacev1.CreateQuestionRequest) (*marketplacev1.Question, error) {
	id, err := names.ID(req.GetQuestionId(), req.GetQuestion().GetTitle(), "question_id")
	if err != nil {
		return nil, err
	}
	name := "questions/" + id
	return resource.Change(ctx, s.replica, s.clock(), req, questionKind, name, func(w world, c ledger.Cause) (*marketplacev1.Question, []string, error) {
		if _, taken := w.questions.Get(name); taken {
			return nil, nil, fault.New(fault.AlreadyExists, "resource", name)
		}
		q := &marketplacev1.Question{Name: name, CreateTime: timestamppb.New(c.Time)}
		changed, err := mask.Apply(q, req.GetQuestion(), everything)
		if err != nil {
			return nil, nil, err
		}
		return q, append([]string{"name", "create_time"}, changed...), checkQuestion(w, q)
	})
}

// AnswerQuestion adds an answer to those that a question has.
func (s *Service) AnswerQuestion(ctx context.Context, req *marketplacev1.AnswerQuestionRequest) (*marketplacev1.Question, error) {
	name := req.GetName()
	return resource.Change(ctx, s.replica, s.clock(), req, questionKind, name, func(w world, c ledger.Cause) (*marketplacev1.Question, []string, error) {
		before, err := questionKind.Found(ctx, w, name, req.GetEtag())
		if err != nil {
			return nil, nil, err
		}
		if strings.TrimSpace(req.GetText()) == "" {
			return nil, nil, fault.New(fault.InvalidField).Field("text", missingDE, missingEN)
		}
		q, changed := proto.CloneOf(before), []string{"answers"}
		if !q.GetAnswered() {
			changed = append(changed, "answered")
		}
		q.Answered = true
		q.Answers = append(slices.Clip(q.GetAnswers()), &marketplacev1.Answer{
			Text: req.GetText(), Role: req.GetRole(), Actor: c.Actor, Time: timestamppb.New(c.Time),
		})
		return q, changed, nil
	})
}

// DeleteQuestion takes a question back, with its answers.
func (s *Service) DeleteQuestion(ctx context.Context, req *marketplacev1.DeleteQuestionRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, resource.Delete(ctx, s.replica, s.clock(), req, questionKind, req.GetName(), req.GetEtag())
}

// checkQuestion says what a question lacks, and what it names that nobody knows.
func checkQuestion(w world, q *marketplacev1.Question) error {
	bad := fault.New(fault.InvalidField)
	switch {
	case strings.TrimSpace(q.GetTitle()) == "":
		return bad.Field("question.title", missingDE, missingEN)
	case q.GetSubject() == "":
		return bad.Field("question.subject", missingDE, missingEN)
	}
	_, isSolution := w.solutions.Get(q.GetSubject())
	_, isProject := w.projects.Get(q.GetSubject())
	if !isSolution && !isProject {
		return unknownIn("question.subject", q.GetSubject())
	}
	if q.GetAsker() != "" && !w.places.has(q.GetAsker()) {
		return unknownIn("question.asker", q.GetAsker())
	}
	return nil
}

// unknownIn says that a field names what nobody knows.
func unknownIn(field, resource string) error {
	return fault.New(fault.UnknownReference, "resource", resource).
		Field(field, "„"+resource+"“ gibt es nicht", resource+" does not exist")
}
