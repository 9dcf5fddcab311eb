package main

import (
	"errors"
	"os"
	"strings"

	"kompass.krz.de/services/notification"
	"kompass.krz.de/services/notification/mail"
)

// checkMail reads where mail goes; none is sent without --smtp-url.
func (s *settings) checkMail(wrong func(string, string, ...any)) {
	if s.SMTPURL == "" {
		for flag, value := range map[string]string{"smtp-password-file": s.SMTPPasswordFile, "mail-from": s.MailFrom, "mail-return": s.MailReturn} {
			if value != "" {
				wrong(flag, "says nothing without --smtp-url")
			}
		}
		return
	}
	from, back := s.MailFrom, s.MailReturn
	if err := mail.CheckSender(from); err != nil {
		wrong("mail-from", "%v", err)
		from = "kompass@localhost" // what else is wrong is told, too
	}
	if err := (notification.Settings{PublicURL: s.PublicURL, Mail: new(mail.Relay)}).Check(); err != nil && s.publicURLIsOne() {
		wrong("public-url", "%v", err)
	}
	if back != "" {
		if err := mail.CheckReturn(back); err != nil {
			wrong("mail-return", "%v", err)
			back = ""
		}
	}
	password, err := readSecret(s.SMTPPasswordFile)
	if err != nil {
		wrong("smtp-password-file", "%v", err)
		return
	}
	if s.notification.Mail, err = mail.NewRelay(mail.Config{URL: s.SMTPURL, Password: password, From: from, Return: back}); err != nil {
		wrong("smtp-url", "%v", err)
	}
}

// publicURLIsOne tells whether the public URL is one, or none; otherwise that was said before.
func (s *settings) publicURLIsOne() bool {
	return (notification.Settings{PublicURL: s.PublicURL}).Check() == nil
}

// readSecret reads a file with one line that not everybody may read; nothing without a file.
func readSecret(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", errors.New("everybody can read it: chmod 600")
	}
	text, err := os.ReadFile(path)
	return strings.TrimSpace(string(text)), err
}
