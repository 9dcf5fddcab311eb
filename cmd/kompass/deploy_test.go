package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// deployed reads a file that is handed to operators.
func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unitValues lists what a systemd unit sets a key to, lines without effect left out.
func unitValues(unit, key string) []string {
	var values []string
	for line := range strings.Lines(unit) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			values = append(values, value)
		}
	}
	return values
}

// TestUnit: systemd gives up exactly where starting again cannot help, and keeps the hardening that the README promises.
func TestUnit(t *testing.T) {
	t.Parallel()
	unit := deployed(t, "systemd/kompass.service")
	for key, want := range map[string]string{
		"RestartPreventExitStatus": fmt.Sprint(exitUsage, " ", exitDamaged),
		"Restart":                  "on-failure", "DynamicUser": "yes", "ProtectSystem": "strict", "NoNewPrivileges": "yes",
		"StateDirectory": "kompass", "StateDirectoryMode": "0700", "CapabilityBoundingSet": "",
	} {
		if got := unitValues(unit, key); !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// TestDeployedCommands: the commands and settings of the unit and the image are ones that the binary takes.
func TestDeployedCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	settings := filepath.Join(dir, "kompass.yaml")
	if err := os.WriteFile(settings, []byte(deployed(t, "systemd/kompass.yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	exec := unitValues(deployed(t, "systemd/kompass.service"), "ExecStart")
	if len(exec) != 1 || !strings.HasPrefix(exec[0], "/usr/local/bin/kompass serve ") {
		t.Fatalf("ExecStart is %q", exec)
	}
	args := strings.Fields(strings.NewReplacer("/etc/kompass/kompass.yaml", settings, "%S", dir).Replace(exec[0]))[1:]
	image := regexp.MustCompile(`KOMPASS_([A-Z_]+)=(\S+)`).FindAllStringSubmatch(deployed(t, "container/Dockerfile"), -1)
	if len(image) < 3 {
		t.Fatalf("the image sets %q", image)
	}
	inImage := []string{"serve"}
	for _, variable := range image {
		flag := strings.ToLower(strings.ReplaceAll(variable[1], "_", "-"))
		inImage = append(inImage, "--"+flag+"="+variable[2])
	}
	// A wrong origin ends the start after everything was read; it is the only thing that may be wrong.
	for _, command := range [][]string{args, inImage} {
		out, code := kompass(t, append(command, "--origin=WRONG")...)
		if code != exitUsage || strings.Count(out, "--") != 1 || !strings.Contains(out, "--origin") {
			t.Errorf("%q: exit %d\n%s", command, code, out)
		}
	}
}
