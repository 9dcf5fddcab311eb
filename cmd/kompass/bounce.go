package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// bounceCommand gives one message to a running platform. A mail server starts it for each message to the address of --mail-return.
type bounceCommand struct {
	URL       string `name:"url" help:"Address of the platform's REST edge." default:"http://127.0.0.1:8080" placeholder:"URL"`
	To        string `help:"Address that the message was delivered to; its own fields are searched as well." placeholder:"ADDRESS"`
	Data      string `help:"Data directory, for the key in admin.token." default:"data" placeholder:"DIR"`
	TokenFile string `help:"File with the key, instead of DIR/admin.token." placeholder:"FILE"`
}

// Exit codes of kompass bounce, after sysexits: by them a mail server tells what to keep and try again from what is done for. Whatever
// an operator can repair is of the first kind.
const (
	exitRetry     = 75 // EX_TEMPFAIL
	exitMalformed = 65 // EX_DATAERR
)

const (
	bounceBytes = 1 << 20 // of a message; what a report says stands before what it returns
	bounceTime  = time.Minute
)

// usageCode is the exit code of a wrong command line or file of settings.
func usageCode(args []string) int {
	if len(args) > 0 && args[0] == "bounce" {
		return exitRetry
	}
	return exitUsage
}

// Run hands the message over and prints what it led to.
func (c *bounceCommand) Run(ctx context.Context) error {
	message, err := io.ReadAll(io.LimitReader(os.Stdin, bounceBytes))
	if err == nil {
		_, err = io.Copy(io.Discard, os.Stdin) // the mail server wants to be rid of all of it
	}
	if err != nil {
		return &exitError{exitRetry, fmt.Errorf("the message cannot be read: %w", err)}
	}
	if len(message) == 0 {
		fmt.Println("an empty message")
		return nil
	}
	key, err := readKey(c.Data, c.TokenFile)
	if err != nil {
		return &exitError{exitRetry, err}
	}
	ctx, cancel := context.WithTimeout(ctx, bounceTime)
	defer cancel()
	answer, err := c.send(ctx, key, message)
	if err != nil {
		return err
	}
	fmt.Println(strings.Join(strings.Fields(strings.Join([]string{answer.Recipient, strings.TrimPrefix(answer.Outcome, "OUTCOME_"), answer.Status}, " ")), " "))
	return nil
}

// bounceAnswer is what the platform says of a message that it took.
type bounceAnswer struct{ Outcome, Recipient, Status string }

func (c *bounceCommand) send(ctx context.Context, key string, message []byte) (answer bounceAnswer, err error) {
	target := strings.TrimSuffix(c.URL, "/") + "/v1/mail:bounce?" + url.Values{"to": {c.To}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(message))
	if err != nil {
		return answer, &exitError{exitRetry, fmt.Errorf("--url: %w", err)}
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "message/rfc822")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return answer, &exitError{exitRetry, fmt.Errorf("no platform answers at %s", c.URL)}
	}
	defer response.Body.Close()
	body := json.NewDecoder(io.LimitReader(response.Body, bounceBytes))
	if response.StatusCode == http.StatusOK && body.Decode(&answer) == nil && answer.Outcome != "" {
		return answer, nil
	}
	var problem struct{ Reason, DetailEn string }
	if body.Decode(&problem) == nil && problem.Reason != "" && response.StatusCode == http.StatusBadRequest { // it will never take this
		return answer, &exitError{exitMalformed, errors.New(problem.DetailEn)}
	}
	return answer, &exitError{exitRetry, fmt.Errorf("the platform answers %s: %s", response.Status, problem.DetailEn)}
}
