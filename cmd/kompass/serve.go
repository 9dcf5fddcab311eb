package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"kompass.krz.de/services/notification"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/identity"
	"kompass.krz.de/services/platform/ledger"
)

// serveCommand runs the platform. Values are text here, so that settings can report everything that is wrong at once.
type serveCommand struct {
	Data       string `help:"Data directory." default:"data" placeholder:"DIR"`
	HTTP       string `name:"http" help:"Address of the REST edge and the pages; of /metrics alone in a process without a gateway." default:"127.0.0.1:8080" placeholder:"ADDR"`
	Grpc       string `help:"Address of the gRPC port." default:"127.0.0.1:9090" placeholder:"ADDR"`
	Demo       bool   `help:"Load the starter data into a new data directory."`
	Only       string `help:"Run only these parts: catalogue, municipality, marketplace, notification, gateway. Services need --nats-url." placeholder:"LIST"`
	Origin     string `help:"The data centre whose streams these are." default:"krz" placeholder:"NAME"`
	NatsURL    string `name:"nats-url" help:"External NATS cluster: all of its servers, separated by commas; embedded when not given." placeholder:"URL"`
	NatsCreds  string `name:"nats-creds" help:"File with credentials for the NATS cluster." placeholder:"FILE"`
	Replicas   string `help:"Copies of each stream in the external cluster: 1, 3 or 5." default:"3" placeholder:"N"`
	RedisURL   string `name:"redis-url" help:"Redis for what may be lost; reserved, nothing uses it yet." placeholder:"URL"`
	CORSOrigin string `name:"cors-origin" help:"Origins whose pages may use the API, separated by commas." placeholder:"LIST"`
	PublicURL  string `name:"public-url" help:"Address under which people and programs reach the REST edge; webhooks introduce themselves by its host." placeholder:"URL"`
	WebhookNet string `name:"webhook-allow-net" help:"Private networks that webhooks may call, such as 10.20.0.0/16, separated by commas." placeholder:"LIST"`
	LogFormat  string `help:"text or json." default:"text" placeholder:"FORMAT"`
	LogLevel   string `help:"debug, info, warn or error." default:"info" placeholder:"LEVEL"`

	CatalogueAddr    string `help:"Where the gateway finds the catalogue when it runs elsewhere: HOST:PORT of every replica, separated by commas, or one dns:///NAME:PORT." placeholder:"LIST"`
	MunicipalityAddr string `help:"Where the gateway finds the municipality service when it runs elsewhere." placeholder:"LIST"`
	MarketplaceAddr  string `help:"Where the gateway finds the marketplace when it runs elsewhere." placeholder:"LIST"`
	NotificationAddr string `help:"Where the gateway finds the notification service when it runs elsewhere; without it, its paths are not there." placeholder:"LIST"`

	SMTPURL          string `name:"smtp-url" help:"Mail server: smtp://USER@HOST:587 (STARTTLS) or smtps://USER@HOST:465; no mail without. smtp+plain:// is for tests, on loopback." placeholder:"URL"`
	SMTPPasswordFile string `name:"smtp-password-file" help:"File with the password of the mail server's user." placeholder:"FILE"`
	MailFrom         string `name:"mail-from" help:"Sender of all mail, such as \"Kompass <kompass@example.org>\"." placeholder:"ADDRESS"`
	MailReturn       string `name:"mail-return" help:"Address that mail comes back to, such as bounces@kompass.example.org: every message gets one of its own, bounces+MARK@…, and kompass bounce takes what arrives there. The sender's when not given." placeholder:"ADDRESS"`

	OTLPEndpoint string `name:"otlp-endpoint" help:"Collector that takes traces over OTLP/gRPC, such as http://127.0.0.1:4317; OTEL_EXPORTER_OTLP_ENDPOINT says the same. None are made without." placeholder:"URL"`
}

// parts are what --only may name.
var parts = []string{"catalogue", "municipality", "marketplace", "notification", "gateway"}

// settings is a checked serveCommand.
type settings struct {
	serveCommand
	only         []string            // sorted; all parts when nothing was chosen
	addresses    map[string][]string // of the replicas of services that run elsewhere
	replicas     int
	origins      []string
	openReads    bool // all listeners are on loopback
	notification notification.Settings
	lines        *lines // that log writes
	log          *slog.Logger
}

var originName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// check reads the settings and reports all that is wrong with them at once.
func (c *serveCommand) check() (*settings, error) {
	s := &settings{serveCommand: *c, replicas: 1, addresses: map[string][]string{}}
	var errs []error
	wrong := func(flag, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s: "+format, append([]any{flag}, args...)...))
	}
	s.only = split(c.Only)
	for _, p := range s.only {
		if !slices.Contains(parts, p) {
			wrong("only", "%q is none of %s", p, strings.Join(parts, ", "))
		}
	}
	if len(s.only) == 0 {
		s.only = parts
	} else if c.NatsURL == "" && len(s.services()) > 0 {
		wrong("only", "services in several processes need --nats-url")
	}
	if c.Demo && len(s.services()) < len(grpcNames) {
		wrong("demo", "the starter data need all services in one process")
	}
	for flag, addr := range map[string]string{"http": c.HTTP, "grpc": c.Grpc} {
		if err := checkAddress(addr); err != nil {
			wrong(flag, "%v", err)
		}
	}
	s.checkAddresses(wrong)
	s.checkNATS(wrong)
	if !originName.MatchString(c.Origin) {
		wrong("origin", "%q must be lower-case letters, digits and hyphens", c.Origin)
	}
	if c.RedisURL != "" {
		if u, err := url.Parse(c.RedisURL); err != nil || u.Scheme != "redis" && u.Scheme != "rediss" {
			wrong("redis-url", "must start with redis:// or rediss://")
		}
	}
	s.checkTraces(wrong)
	s.checkNotification(wrong)
	s.origins = split(c.CORSOrigin)
	s.openReads = loopback(c.HTTP) && loopback(c.Grpc)
	s.lines = newLines(os.Stderr)
	s.log = c.logger(s.lines, wrong)
	return s, errors.Join(errs...)
}

func (s *settings) checkAddresses(wrong func(string, string, ...any)) {
	for part, list := range map[string]string{"catalogue": s.CatalogueAddr, "municipality": s.MunicipalityAddr, "marketplace": s.MarketplaceAddr, "notification": s.NotificationAddr} {
		addresses := split(list)
		switch err := checkReplicas(addresses); {
		case err != nil:
			wrong(part+"-addr", "%v", err)
		case s.runs(part) && len(addresses) > 0:
			wrong(part+"-addr", "the part runs in this process")
		case s.runs("gateway") && !s.runs(part) && len(addresses) == 0 && part != "notification": // younger than the platforms that run in pieces
			wrong(part+"-addr", "the gateway must know where the %s service is", part)
		case len(addresses) > 0:
			s.addresses[part] = addresses
		}
	}
}

func (s *settings) checkNATS(wrong func(string, string, ...any)) {
	switch s.Replicas {
	case "1", "3", "5":
		if s.NatsURL != "" {
			s.replicas = int(s.Replicas[0] - '0')
		}
	default:
		wrong("replicas", "%q is none of 1, 3, 5", s.Replicas)
	}
	for _, u := range split(s.NatsURL) {
		if parsed, err := url.Parse(u); err != nil || parsed.Host == "" {
			wrong("nats-url", "%q is no URL such as nats://127.0.0.1:4222", u)
		} else if parsed.User != nil {
			wrong("nats-url", "credentials do not belong on a command line: use --nats-creds")
		}
	}
	if s.NatsCreds != "" {
		if _, err := os.Stat(s.NatsCreds); err != nil {
			wrong("nats-creds", "cannot be read: %v", err)
		}
	}
}

func (s *settings) checkTraces(wrong func(string, string, ...any)) {
	if s.OTLPEndpoint == "" {
		return
	}
	if u, err := url.Parse(s.OTLPEndpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		wrong("otlp-endpoint", "%q is no URL such as http://127.0.0.1:4317", s.OTLPEndpoint)
	}
}

func (s *settings) checkNotification(wrong func(string, string, ...any)) {
	s.notification = notification.Settings{WebhookNetworks: split(s.WebhookNet), PublicURL: s.PublicURL}
	if err := (notification.Settings{WebhookNetworks: s.notification.WebhookNetworks}).Check(); err != nil {
		wrong("webhook-allow-net", "%v", err)
	}
	if err := (notification.Settings{PublicURL: s.PublicURL}).Check(); err != nil {
		wrong("public-url", "%v", err)
	}
	s.checkMail(wrong)
}

func (c *serveCommand) logger(to io.Writer, wrong func(string, string, ...any)) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		wrong("log-level", "%q is none of debug, info, warn, error", c.LogLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch c.LogFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(to, options))
	case "text":
		return slog.New(slog.NewTextHandler(to, options))
	}
	wrong("log-format", "%q is none of text, json", c.LogFormat)
	return slog.Default()
}

func (s *settings) runs(part string) bool { return slices.Contains(s.only, part) }

// services lists the parts that are services, in the order of the contract.
func (s *settings) services() []string {
	return slices.DeleteFunc(slices.Clone(parts), func(p string) bool { return p == "gateway" || !s.runs(p) })
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Run serves until the process is told to stop.
func (c *serveCommand) Run(ctx context.Context) error {
	tuneMemory()
	s, err := c.check()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	defer s.lines.Flush()
	if err := os.MkdirAll(s.Data, 0o700); err != nil {
		return &exitError{exitUsage, err}
	}
	release, err := broker.Lock(s.Data)
	if err != nil {
		return err
	}
	defer release()
	if err := checkRestored(s.Data); err != nil {
		return err
	}
	keys, err := identity.LoadOrCreate(s.Data)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	p := newPlatform(s, keys.OpenReads(s.openReads))
	err = supervise(ctx, s.log, p.units(), func(ctx context.Context) error { return p.becomeReady(ctx) })
	if errors.Is(err, ledger.ErrDamaged) {
		return &exitError{exitDamaged, fmt.Errorf("%w; `kompass verify --data %s` names all damage", err, s.Data)}
	}
	return err
}
