// Command kompass is the whole platform in one binary: it runs the services and the gateway, and it is the operator's
// tool. It composes; it decides nothing about the domain.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // recipients have time zones, and a bare container has none

	"github.com/alecthomas/kong"
)

// Exit codes that scripts can rely on.
const (
	exitFailed  = 1 // something did not work: the message says what
	exitUsage   = 2 // the command line, the environment or the file of settings is wrong
	exitDamaged = 3 // verify found damage, in a ledger or in an archive
	exitRefused = 4 // an import was refused: the report says why
)

// commands are the operator's verbs.
type commands struct {
	Config string `help:"File of settings (YAML): names of flags and their values. Flags and environment come first." type:"path" placeholder:"FILE" env:"KOMPASS_CONFIG"`

	Serve   serveCommand   `cmd:"" help:"Run the platform, or a part of it."`
	Import  importCommand  `cmd:"" help:"Import catalogue or municipality files into a running platform."`
	Export  exportCommand  `cmd:"" help:"Write the entities of the ledger as JSON Lines, now or at a revision."`
	Backup  backupCommand  `cmd:"" help:"Write an archive of the ledger, while it is running."`
	Restore restoreCommand `cmd:"" help:"Make a ledger from an archive, in an empty directory or cluster."`
	Bounce  bounceCommand  `cmd:"" help:"Hand a message that came back, on standard input, to a running platform: for a mail server's pipe."`
	Verify  verifyCommand  `cmd:"" help:"Walk every hash chain of a ledger or an archive and name what is broken."`
}

// exitError carries an exit code to main.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// run parses the arguments, carries the command out and returns the exit code.
func run(ctx context.Context, args []string) int {
	var c commands
	parser, err := kong.New(&c,
		kong.Name("kompass"),
		kong.Description("Which services does a municipality owe online, which are missing, and what closes the gap?"),
		kong.UsageOnError(),
		kong.Resolvers(environment()),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		return report(err)
	}
	if err := useSettingsFile(parser, args); err != nil {
		return report(&exitError{usageCode(args), err})
	}
	command, err := parser.Parse(args)
	if err != nil {
		var parse *kong.ParseError
		if errors.As(err, &parse) {
			_ = parse.Context.PrintUsage(true)
		}
		return report(&exitError{usageCode(args), err})
	}
	return report(command.Run())
}

func report(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "kompass:", err)
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	return exitFailed
}
