package main

import (
	"errors"
	"os"
	"strings"

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
	if s.MailFrom == "" {
		wrong("mail-from", "mail needs a sender")
	}
	if s.PublicURL == "" {
		wrong("public-url", "mail needs it: its links lead there")
	}
	back := s.MailReturn
	if back != "" {
		if err := mail.CheckReturn(back); err != nil {
			wrong("mail-return", "%v", err)
			back = "" // what else is wrong is told, too
		}
	}
	password, err := readSecret(s.SMTPPasswordFile)
	if err != nil {
		wrong("smtp-password-file", "%v", err)
		return
	}
	if s.notification.Mail, err = mail.NewRelay(mail.Config{URL: s.SMTPURL, Password: password, From: s.MailFrom, Return: back}); err != nil && s.MailFrom != "" {
		wrong("smtp-url", "%v", err)
	}
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
