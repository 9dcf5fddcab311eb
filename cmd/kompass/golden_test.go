package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// goldenCase is one request and what both interfaces answer to it.
type goldenCase struct {
	Name      string
	Anonymous bool
	Headers   map[string]string
	REST      struct {
		Method, Path, File string
		Body               map[string]any
	} `yaml:"rest"`
	GRPC struct {
		Method  string
		Request map[string]any
	} `yaml:"grpc"`
	Want struct {
		Status int
		Code   string
		Reason string
		Field  string
		Body   map[string]any
	}
}

// goldenCases reads the tables.
func goldenCases(t *testing.T) (cases []goldenCase) {
	t.Helper()
	for _, name := range []string{"golden", "golden_notification"} {
		text, err := os.ReadFile("testdata/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var more []goldenCase
		if err := yaml.Unmarshal(text, &more); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, more...)
	}
	return cases
}

// given adds what the cases about notification need: see testdata/golden_notification.yaml.
func given(t *testing.T, p *process) {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WebHook-Allowed-Origin", "*")
		w.Header().Set("WebHook-Allowed-Rate", "120")
	}))
	t.Cleanup(receiver.Close)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent.Close()
	p.do(http.StatusOK, http.MethodPost, "/v1/recipients?recipientId=amt", `{"displayName":"Amt"}`)
	p.do(http.StatusOK, http.MethodPost, "/v1/subscriptions?subscriptionId=amt", `{"displayName":"Abo des Amts","recipient":"recipients/amt"}`)
	for id, url := range map[string]string{"amt": receiver.URL, "stumm": "http://" + silent.Addr().String()} {
		p.do(http.StatusOK, http.MethodPost, "/v1/webhooks?webhookId="+id, fmt.Sprintf(`{"displayName":"Haken des Amts","url":%q,"owner":"recipients/amt"}`, url))
	}
	p.do(http.StatusOK, http.MethodPost, "/v1/webhooks/amt:verify", `{}`)
}

// TestGolden sends every case of the tables through REST and gRPC.
func TestGolden(t *testing.T) {
	t.Parallel()
	cases := goldenCases(t)
	p := start(t, t.TempDir(), "--demo", "--webhook-allow-net", "127.0.0.1/32")
	given(t, p)
	conn, err := dial(p.grpc)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			c.overREST(t, p)
			c.overGRPC(t, p, conn)
		})
	}
	p.stop()
}

func (c *goldenCase) overREST(t *testing.T, p *process) {
	t.Helper()
	var body any = c.REST.File
	if c.REST.Body != nil {
		encoded, err := json.Marshal(c.REST.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = string(encoded)
	}
	var headers []string
	for name, value := range c.Headers {
		headers = append(headers, name, value)
	}
	if c.Anonymous {
		headers = append(headers, "Authorization", "")
	}
	a, err := p.try(c.REST.Method, c.REST.Path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	if a.status != c.Want.Status {
		t.Errorf("REST: status %d, want %d: %.400s", a.status, c.Want.Status, a.body)
	}
	answer := a.json(t)
	for field, want := range c.Want.Body {
		if fmt.Sprint(answer[field]) != fmt.Sprint(want) {
			t.Errorf("REST: %s is %v, want %v", field, answer[field], want)
		}
	}
	if c.Want.Status < http.StatusBadRequest {
		return
	}
	if a.header.Get("Content-Type") != "application/problem+json" || answer["reason"] != c.Want.Reason || answer["title"] == "" || answer["detailEn"] == "" {
		t.Errorf("REST: %s %s, want a problem with reason %s", a.header.Get("Content-Type"), a.body, c.Want.Reason)
	}
	if fields := names(answer["violations"], "field"); c.Want.Field != "" && !strings.Contains(strings.Join(fields, " "), c.Want.Field) {
		t.Errorf("REST: violations of %v, want %s", fields, c.Want.Field)
	}
}

func (c *goldenCase) overGRPC(t *testing.T, p *process, conn *grpc.ClientConn) {
	t.Helper()
	ctx := context.Background()
	if !c.Anonymous {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+p.key())
	}
	for name, value := range c.Headers {
		ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(name), value)
	}
	request, response := c.messages(t)
	err := conn.Invoke(ctx, "/"+c.GRPC.Method, request, response)
	if code := status.Code(err).String(); code != c.Want.Code {
		t.Errorf("gRPC: code %s, want %s: %v", code, c.Want.Code, err)
	}
	var fields []string
	reason := ""
	for _, d := range status.Convert(err).Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				fields = append(fields, v.GetField())
			}
		}
	}
	if reason != c.Want.Reason {
		t.Errorf("gRPC: reason %q, want %q", reason, c.Want.Reason)
	}
	if c.Want.Field != "" && !strings.Contains(strings.Join(fields, " "), c.Want.Field) {
		t.Errorf("gRPC: violations of %v, want %s", fields, c.Want.Field)
	}
}

// messages makes the request of the case and an empty response from the descriptors of the method.
func (c *goldenCase) messages(t *testing.T) (request, response proto.Message) {
	t.Helper()
	name := protoreflect.FullName(strings.ReplaceAll(c.GRPC.Method, "/", "."))
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	method := found.(protoreflect.MethodDescriptor)
	request = dynamicpb.NewMessage(method.Input())
	encoded, err := json.Marshal(c.GRPC.Request)
	if err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal(encoded, request); err != nil {
		t.Fatalf("request: %v", err)
	}
	return request, dynamicpb.NewMessage(method.Output())
}
