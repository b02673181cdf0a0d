package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/throng-im/throng/internal/app"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func userCommand(e *environment) *cobra.Command {
	return group("user", "Look after people: add, list, disable, delete, reset-password.",
		userAddCommand(e), userListCommand(e), userResetCommand(e), userDisableCommand(e), userDeleteCommand(e))
}

// connect reaches the running server, or opens the folder.
func (s sources) connect(e *environment, create bool) (*app.Operator, error) {
	l, err := s.load(e, nil)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(e.errOut, &slog.HandlerOptions{Level: slog.LevelWarn}))
	_, statErr := os.Stat(l.Config.Data)
	op, err := app.Connect(e.ctx, l.Config, app.Options{Logger: log, Version: version}, create)
	if err == nil && errors.Is(statErr, fs.ErrNotExist) { // a mistyped --data is noticed
		fmt.Fprintf(e.errOut, "made the data folder %s\n", l.Config.Data)
	}
	return op, err
}

// with runs fn with a connection to the server or the folder.
func (s sources) with(e *environment, create bool, fn func(*app.Operator) error) error {
	op, err := s.connect(e, create)
	if err != nil {
		return err
	}
	return errors.Join(fn(op), op.Close())
}

const passwordHelp = "Read the password from standard input. Default: ask, or make one where there is no terminal."

type userAddCmd struct {
	sources

	Handle   string
	Name     string
	Admin    bool
	Password bool
}

func userAddCommand(e *environment) *cobra.Command {
	var c userAddCmd
	cmd := leaf("add", "Make an account.", "", func() error { return c.Run(e) },
		argument{name: "NAME", help: "Sign-in name.", value: textValue{&c.Handle, ""}})
	f := cmd.Flags()
	c.register(e, f)
	f.Var(textValue{&c.Name, "TEXT"}, "name", "Display name. Default: the sign-in name.")
	f.BoolVar(&c.Admin, "admin", false, "Make an administrator.")
	f.BoolVar(&c.Password, "password", false, passwordHelp)
	return cmd
}

// Run makes an account.
func (c userAddCmd) Run(e *environment) error {
	return c.with(e, true, func(op *app.Operator) error {
		password, made, err := choosePassword(e, c.Password)
		if err != nil {
			return err
		}
		user := &throngv1.NewUser{Handle: c.Handle, Name: c.Name, Password: password, Admin: c.Admin}
		if user.GetName() == "" {
			user.Name = c.Handle
		}
		var resp throngv1.CreateUsersResponse
		if err := op.Call(e.ctx, "AdminService/CreateUsers", &throngv1.CreateUsersRequest{Users: []*throngv1.NewUser{user}}, &resp); err != nil {
			return err
		}
		if resp.GetCreated() == 0 {
			return fmt.Errorf("%s exists already; choose another name, or use: throng user reset-password %s", c.Handle, c.Handle)
		}
		what := "user"
		if c.Admin {
			what = "administrator"
		}
		fmt.Fprintf(e.out, "made the %s %s (id %d)\n", what, c.Handle, resp.GetIds()[0])
		if made {
			fmt.Fprintf(e.out, "password: %s\n", password)
		}
		return nil
	})
}

// choosePassword asks twice on a terminal, reads a line where told to, and makes a password otherwise.
func choosePassword(e *environment, fromInput bool) (password string, made bool, err error) {
	in, ok := e.in.(*os.File)
	switch {
	case fromInput:
		text, err := io.ReadAll(io.LimitReader(e.in, 4<<10))
		if err != nil {
			return "", false, fmt.Errorf("reading the password: %w", err)
		}
		return strings.TrimRight(string(text), "\r\n"), false, nil
	case !ok || !term.IsTerminal(int(in.Fd())):
		return rand.Text()[:20], true, nil
	}
	first, err := ask(e, in, "Password (empty: make one): ")
	if err != nil {
		return "", false, err
	}
	if first == "" {
		return rand.Text()[:20], true, nil
	}
	second, err := ask(e, in, "Once more: ")
	if err != nil {
		return "", false, err
	}
	if first != second {
		return "", false, errors.New("the two passwords differ; start again")
	}
	return first, false, nil
}

func ask(e *environment, in *os.File, question string) (string, error) {
	fmt.Fprint(e.errOut, question)
	text, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(e.errOut)
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	return string(text), nil
}

// account is the one that the commands below are about.
type account struct {
	sources

	Who string
}

// argument is what names it.
func (a *account) argument() argument {
	return argument{name: "NAME", help: "Sign-in name, or id:NUMBER.", value: textValue{&a.Who, ""}}
}

func (a account) find(e *environment, op *app.Operator) (*throngv1.User, error) {
	req := &throngv1.GetUserRequest{By: &throngv1.GetUserRequest_Handle{Handle: a.Who}}
	if number, ok := strings.CutPrefix(a.Who, "id:"); ok {
		id, err := strconv.ParseUint(number, 10, 53)
		if err != nil {
			return nil, fmt.Errorf("%q is no id", number)
		}
		req.By = &throngv1.GetUserRequest_Id{Id: id}
	}
	var resp throngv1.GetUserResponse
	if err := op.Call(e.ctx, "AdminService/GetUser", req, &resp); err != nil {
		return nil, err
	}
	return resp.GetUser(), nil
}

type userResetCmd struct {
	account

	Password bool
}

func userResetCommand(e *environment) *cobra.Command {
	var c userResetCmd
	cmd := leaf("reset-password", "Give an account a new password and sign all its devices out.", "", func() error { return c.Run(e) },
		c.argument())
	f := cmd.Flags()
	c.register(e, f)
	f.BoolVar(&c.Password, "password", false, passwordHelp)
	return cmd
}

// Run sets a new password.
func (c userResetCmd) Run(e *environment) error {
	return c.with(e, false, func(op *app.Operator) error {
		u, err := c.find(e, op)
		if err != nil {
			return err
		}
		password, made, err := choosePassword(e, c.Password)
		if err != nil {
			return err
		}
		var resp throngv1.ResetPasswordResponse
		if err := op.Call(e.ctx, "AdminService/ResetPassword", &throngv1.ResetPasswordRequest{User: u.GetId(), Password: password}, &resp); err != nil {
			return err
		}
		fmt.Fprintf(e.out, "%s has a new password; all devices were signed out\n", c.Who)
		if made {
			fmt.Fprintf(e.out, "password: %s\n", password)
		}
		return nil
	})
}

type userDisableCmd struct {
	account

	Undo bool
}

func userDisableCommand(e *environment) *cobra.Command {
	var c userDisableCmd
	cmd := leaf("disable", "Let nobody in with an account, or with --undo let them in again.", "", func() error { return c.Run(e) },
		c.argument())
	f := cmd.Flags()
	c.register(e, f)
	f.BoolVar(&c.Undo, "undo", false, "Let the account in again.")
	return cmd
}

// Run disables an account.
func (c userDisableCmd) Run(e *environment) error {
	return c.with(e, false, func(op *app.Operator) error {
		u, err := c.find(e, op)
		if err != nil {
			return err
		}
		disabled := !c.Undo
		var resp throngv1.UpdateUserResponse
		if err := op.Call(e.ctx, "AdminService/UpdateUser", &throngv1.UpdateUserRequest{User: u.GetId(), Disabled: &disabled}, &resp); err != nil {
			return err
		}
		if c.Undo {
			fmt.Fprintf(e.out, "%s may sign in again\n", c.Who)
		} else {
			fmt.Fprintf(e.out, "%s is disabled; its devices were disconnected\n", c.Who)
		}
		return nil
	})
}

type userDeleteCmd struct {
	account

	Messages bool
	Yes      bool
}

func userDeleteCommand(e *environment) *cobra.Command {
	var c userDeleteCmd
	cmd := leaf("delete", "End an account for good and erase its personal data.", "", func() error { return c.Run(e) }, c.argument())
	f := cmd.Flags()
	c.register(e, f)
	f.BoolVar(&c.Messages, "messages", false, "Erase the content of everything it wrote, too.")
	f.BoolVar(&c.Yes, "yes", false, "Do not ask.")
	return cmd
}

// Run deletes an account.
func (c userDeleteCmd) Run(e *environment) error {
	return c.with(e, false, func(op *app.Operator) error {
		u, err := c.find(e, op)
		if err != nil {
			return err
		}
		if !c.Yes {
			fmt.Fprintf(e.errOut, "Delete %s (id %d) for good? Type the name again: ", c.Who, u.GetId())
			var typed string
			if _, err := fmt.Fscanln(e.in, &typed); err != nil || typed != c.Who {
				return errors.New("nothing was deleted; add --yes where nobody can answer")
			}
		}
		var resp throngv1.EraseUserResponse
		if err := op.Call(e.ctx, "AdminService/EraseUser", &throngv1.EraseUserRequest{User: u.GetId(), Messages: c.Messages}, &resp); err != nil {
			return err
		}
		fmt.Fprintf(e.out, "%s is deleted", c.Who)
		if c.Messages {
			fmt.Fprintf(e.out, ", %d messages were erased", resp.GetMessagesErased())
		}
		fmt.Fprintln(e.out)
		return nil
	})
}

type userListCmd struct {
	sources
}

func userListCommand(e *environment) *cobra.Command {
	var c userListCmd
	cmd := leaf("list", "List accounts.", "", func() error { return c.Run(e) })
	c.register(e, cmd.Flags())
	return cmd
}

// Run lists the accounts.
func (c userListCmd) Run(e *environment) error {
	return c.with(e, false, func(op *app.Operator) error {
		w := newTable(e.out, "ID", "SINCE", "SIGN-IN NAME", "EXTERNAL ID", "NAME", "NOTE")
		req := &throngv1.ListUsersRequest{Limit: 200}
		for {
			var resp throngv1.ListUsersResponse
			if err := op.Call(e.ctx, "AdminService/ListUsers", req, &resp); err != nil {
				return err
			}
			for _, u := range resp.GetUsers() {
				note := ""
				if u.GetAdmin() {
					note = "administrator"
				}
				if u.GetDisabled() {
					note = strings.TrimSpace(note + " disabled")
				}
				since := time.UnixMilli(int64(u.GetCreatedMs())).UTC().Format(time.DateOnly)
				w.row(strconv.FormatUint(u.GetId(), 10), since, u.GetHandle(), u.GetExternalId(), u.GetName(), note)
			}
			if err := w.flush(); err != nil { // each page by itself: no list is too long
				return err
			}
			if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
				return nil
			}
		}
	})
}
