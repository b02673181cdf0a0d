package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/config"
)

type migrateCmd struct {
	Dir    string
	To     string
	From   string
	Secret bool
}

const migrateHelp = `The databases must be ones that no server has run on. A copy that was stopped
goes on where it was when it is started again; at its end it compares every row.
Until then no server starts on the databases. Stop the server on the folder
before, and do not start it again.

Give account.signing_secrets of the cluster the secret that --secret prints, or
everybody has to sign in again.

The other way, with --from, servers of the cluster may go on; throng check then
looks at the folder.`

func migrateCommand(e *environment) *cobra.Command {
	c := migrateCmd{Dir: fullPath("data")}
	cmd := leaf("migrate", "Copy a data folder into the databases of a cluster, or back.", migrateHelp, func() error { return c.Run(e) },
		argument{
			name: "DIR", help: "Data folder. No server may run on it; with --from it is made. Default: data.", optional: true,
			value: pathValue{&c.Dir, ""},
		})
	f := cmd.Flags()
	path(f, &c.To, "to", "FILE", "Configuration of the cluster into whose databases the folder is copied.")
	path(f, &c.From, "from", "FILE", "Configuration of the cluster whose databases are copied into a new folder.")
	f.BoolVar(&c.Secret, "secret", false, "Print what the folder's tokens are signed with, for account.signing_secrets of the cluster.")
	return cmd
}

// Run copies.
func (c migrateCmd) Run(e *environment) error {
	named := 0
	for _, on := range []bool{c.To != "", c.From != "", c.Secret} {
		if on {
			named++
		}
	}
	if named != 1 {
		return errors.New("say one of --to FILE, --from FILE and --secret")
	}
	if c.Secret {
		secret, err := app.FolderSecret(c.Dir)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(e.out, secret)
		return err
	}
	cluster, err := config.Load(config.Options{File: c.To + c.From, Env: e.env})
	if err != nil {
		return err
	}
	p := newProgress(e.errOut)
	if c.From != "" {
		err := app.MigrateBack(e.ctx, cluster.Config, c.Dir, p.now)
		p.end()
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "the databases were copied into %s; look at it with: throng check %s\n", c.Dir, c.Dir)
		return nil
	}
	report, err := app.Migrate(e.ctx, c.Dir, cluster.Config, p.now)
	p.end()
	if err != nil {
		return err
	}
	fmt.Fprint(e.out, report.Summary())
	if report.Strangers {
		fmt.Fprintln(e.out, "account.signing_secrets does not have the folder's secret: everybody will have to sign in again, but for: throng migrate --secret")
	}
	return nil
}
