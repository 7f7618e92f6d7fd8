package pgtest

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// account is the user that a server runs as; nil: the one that we are.
type account struct{ cred *syscall.Credential }

// unprivileged finds a user for a server, which refuses to run as root.
func unprivileged() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return account{}, err
		}
		return account{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return account{}, errors.New("pgtest: PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

// own gives a folder to the account.
func (a account) own(dir string) error {
	if a.cred == nil {
		return nil
	}
	return os.Chown(dir, int(a.cred.Uid), int(a.cred.Gid))
}

func (a account) process() *syscall.SysProcAttr { return &syscall.SysProcAttr{Credential: a.cred} }

// server ends with the test binary, however that ends.
func (a account) server() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: a.cred, Pdeathsig: syscall.SIGINT}
}
