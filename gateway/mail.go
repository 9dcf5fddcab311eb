package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

// maxForm bounds the body of a form: a name and a token.
const maxForm = 4 << 10

// mailPage is where a link of a mail leads. Looking at it changes nothing, because programs follow links as well: only the button
// does.
type mailPage struct {
	template *template.Template
	style    template.CSS
	policy   string
	act      func(ctx context.Context, recipient, token string) error

	oneClick bool // mail clients do it, too (RFC 8058)

	Path, TitleDE, TitleEN, AskDE, AskEN, DoneDE, DoneEN string
}

// serveMailPages adds the pages that say yes and no to mail.
func (e *edge) serveMailPages(maker *pageMaker) error {
	if e.options.Notification == nil {
		return nil
	}
	parsed, err := template.ParseFS(pageFiles, "pages/layout.html", "pages/mail.html")
	if err != nil {
		return err
	}
	client := notificationv1.NewNotificationServiceClient(e.options.Notification)
	policy := strings.Replace(maker.policy, "form-action 'none'", "form-action 'self'", 1)
	for _, page := range []*mailPage{
		{
			Path: "/mail/confirm", TitleDE: "Adresse bestätigen", TitleEN: "Confirm the address",
			AskDE: "Möchten Sie an diese Adresse Nachrichten von Kompass erhalten?", AskEN: "Do you want to get messages from Kompass at this address?",
			DoneDE: "Die Adresse ist bestätigt.", DoneEN: "The address is confirmed.",
			act: func(ctx context.Context, recipient, token string) error {
				_, err := client.ConfirmRecipient(ctx, &notificationv1.ConfirmRecipientRequest{Name: recipient, Token: token})
				return err
			},
		}, {
			oneClick: true,
			Path:     "/mail/unsubscribe", TitleDE: "Keine Mails mehr", TitleEN: "No more mail",
			AskDE: "Möchten Sie an diese Adresse keine Nachrichten von Kompass mehr erhalten?", AskEN: "Do you want no more messages from Kompass at this address?",
			DoneDE: "Sie erhalten keine Mails mehr.", DoneEN: "You will get no more mail.",
			act: func(ctx context.Context, recipient, token string) error {
				_, err := client.UnsubscribeRecipient(ctx, &notificationv1.UnsubscribeRecipientRequest{Name: recipient, Token: token})
				return err
			},
		},
	} {
		page.template, page.style, page.policy = parsed, maker.style, policy
		e.addPage(page.Path, page.ask)
		e.routes.add(page.Path, &endpoint{method: http.MethodPost, page: page.carryOut})
	}
	return nil
}

// ask shows the button.
func (p *mailPage) ask(x *exchange) {
	query := x.req.URL.Query()
	recipient, token := query.Get("recipient"), query.Get("token")
	if recipient == "" || token == "" { // a mail client broke the line, perhaps
		p.show(x, http.StatusBadRequest, map[string]any{"Incomplete": true})
		return
	}
	p.show(x, http.StatusOK, map[string]any{"Recipient": recipient, "Token": token})
}

// carryOut does what the button says, with the form's values, or what a mail client says, with those of the address.
func (p *mailPage) carryOut(x *exchange) {
	x.changing = true
	x.req.Body = http.MaxBytesReader(x.ResponseWriter, x.req.Body, maxForm)
	if err := x.req.ParseMultipartForm(maxForm); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		p.show(x, http.StatusBadRequest, map[string]any{"Invalid": true})
		return
	}
	values := x.req.PostForm
	if p.oneClick && values.Get("List-Unsubscribe") == "One-Click" {
		values = x.req.URL.Query()
	}
	recipient, token := values.Get("recipient"), values.Get("token")
	if recipient == "" || token == "" {
		p.show(x, http.StatusBadRequest, map[string]any{"Incomplete": true})
		return
	}
	ctx := metadata.NewOutgoingContext(x.req.Context(), metadata.MD{mdRequestID: {x.id}})
	switch err := p.act(ctx, recipient, token); status.Code(err) {
	case codes.OK:
		p.show(x, http.StatusOK, map[string]any{"Done": true})
	case codes.PermissionDenied, codes.InvalidArgument:
		p.show(x, http.StatusForbidden, map[string]any{"Invalid": true})
	default:
		x.cause = err.Error()
		p.show(x, http.StatusServiceUnavailable, map[string]any{"Later": true})
	}
}

// show answers the page. Nobody keeps it: its address holds a token.
func (p *mailPage) show(x *exchange, code int, values map[string]any) {
	values["Title"], values["Style"], values["Page"] = p.TitleDE, p.style, p
	var body bytes.Buffer
	if err := p.template.Execute(&body, values); err != nil {
		panic(fmt.Errorf("page %s: %w", p.Path, err)) // the template is our own, and tested
	}
	setAll(x.Header(), "Content-Type", contentHTML, "Content-Security-Policy", p.policy, "Cache-Control", "no-store")
	x.WriteHeader(code)
	_, _ = x.Write(body.Bytes())
}
