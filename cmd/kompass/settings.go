package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// A setting comes from the first of: flag, environment (KOMPASS_ and the flag's name), file of settings, default.

// environment resolves flags from KOMPASS_… variables. It stands before the file, which kong's own env tags would not.
func environment() kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if value, ok := os.LookupEnv(variable(flag.Name)); ok {
			return value, nil
		}
		return nil, nil
	})
}

func variable(flag string) string {
	return "KOMPASS_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// useSettingsFile adds the file named by --config or KOMPASS_CONFIG. A key that is no flag of any command is an error.
func useSettingsFile(parser *kong.Kong, args []string) error {
	path := os.Getenv(variable("config"))
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			path = value
		} else if arg == "--config" && i+1 < len(args) {
			path = args[i+1]
		}
	}
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(text, &values); err != nil {
		return fmt.Errorf("settings %s: %w", path, err)
	}
	if unknown := unknownSettings(parser, values); len(unknown) > 0 {
		return fmt.Errorf("settings %s: unknown: %s", path, strings.Join(unknown, ", "))
	}
	return kong.Resolvers(fromFile(values)).Apply(parser)
}

func fromFile(values map[string]any) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if _, set := os.LookupEnv(variable(flag.Name)); set {
			return nil, nil
		}
		return values[flag.Name], nil
	})
}

func unknownSettings(parser *kong.Kong, values map[string]any) []string {
	known := map[string]bool{}
	for _, command := range parser.Model.Leaves(false) {
		for _, group := range command.AllFlags(false) {
			for _, flag := range group {
				known[flag.Name] = true
			}
		}
	}
	var unknown []string
	for name := range values {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}
