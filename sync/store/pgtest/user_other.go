//go:build !linux

package pgtest

import "syscall"

// account is the user that a server runs as: the one that we are.
type account struct{}

func unprivileged() (account, error) { return account{}, nil }

func (account) own(string) error { return nil }

func (account) process() *syscall.SysProcAttr { return nil }

func (account) server() *syscall.SysProcAttr { return nil }
