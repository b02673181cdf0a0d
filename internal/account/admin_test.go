package account_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

func TestCreateUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	users := make([]account.NewUser, 1_000)
	for i := range users {
		users[i] = account.NewUser{ExternalID: fmt.Sprint("emp/", i), Name: fmt.Sprint("Employee ", i)}
	}
	users[7].Handle, users[7].Password, users[7].Admin = "Boss", password, true
	ids, created, err := w.CreateUsers(ctx, users)
	assert.NoError(t, "create", err)
	assert.Equal(t, "created", created, 1_000)
	again, created, err := w.CreateUsers(ctx, users)
	assert.NoError(t, "create again", err)
	assert.Equal(t, "created again", created, 0)
	assert.Equal(t, "the same ids", again, ids)
	g, err := w.SignIn(ctx, credentials("boss", password))
	assert.True(t, "who has a password signs in", err == nil && g.User.ID == ids[7] && g.User.Admin)
	u, err := w.ByExternal(ctx, "emp/999")
	assert.True(t, "found by external id", err == nil && u.ID == ids[999])
	u, err = w.ByHandle(ctx, "BOSS")
	assert.True(t, "found by handle", err == nil && u.ID == ids[7])
	missing, err := w.Exist(ctx, []chat.UserID{ids[0], 99_999, ids[1], 0})
	assert.NoError(t, "exist", err)
	assert.Equal(t, "missing", missing, []chat.UserID{99_999, 0})
	var paged []chat.UserID
	for after := chat.UserID(0); ; after = paged[len(paged)-1] {
		page, err := w.List(ctx, after, 300)
		assert.NoError(t, "list", err)
		if len(page) == 0 {
			break
		}
		for _, u := range page {
			paged = append(paged, u.ID)
		}
	}
	assert.Equal(t, "all pages", paged, ids)

	_, _, err = w.CreateUsers(ctx, make([]account.NewUser, 1_001))
	refused(t, "1,001", err, chat.ReasonFieldTooLarge)
	long := strings.Repeat("x", 200)
	for name, row := range map[string]struct {
		user   account.NewUser
		reason chat.Reason
	}{
		"nothing":               {account.NewUser{}, chat.ReasonFieldInvalid},
		"external id too long":  {account.NewUser{ExternalID: long}, chat.ReasonFieldTooLarge},
		"external id not UTF-8": {account.NewUser{ExternalID: "\xff"}, chat.ReasonFieldInvalid},
		"bad handle":            {account.NewUser{Handle: "a b"}, chat.ReasonHandleInvalid},
		"short password":        {account.NewUser{Handle: "a", Password: "x"}, chat.ReasonPasswordInvalid},
		"password, no handle":   {account.NewUser{ExternalID: "a", Password: password}, chat.ReasonFieldInvalid},
		"name too long":         {account.NewUser{Handle: "a", Name: long}, chat.ReasonFieldTooLarge},
		"name of two lines":     {account.NewUser{Handle: "a", Name: "x\ny"}, chat.ReasonFieldInvalid},
		"avatar is a script":    {account.NewUser{Handle: "a", Avatar: "javascript:alert(1)"}, chat.ReasonFieldInvalid},
		"avatar too long":       {account.NewUser{Handle: "a", Avatar: strings.Repeat("x", 3_000)}, chat.ReasonFieldTooLarge},
		"attributes too large":  {account.NewUser{Handle: "a", Attributes: map[string]string{"k": strings.Repeat("x", 5_000)}}, chat.ReasonFieldTooLarge},
		"attribute no name":     {account.NewUser{Handle: "a", Attributes: map[string]string{"": "x"}}, chat.ReasonFieldInvalid},
	} {
		_, _, err := w.CreateUsers(ctx, []account.NewUser{{Handle: "fine"}, row.user})
		refused(t, name, err, row.reason)
		assert.True(t, "says which one", strings.HasPrefix(chat.AsError(err).Message, "user 2 of the list"))
	}
	_, err = w.ByHandle(ctx, "fine")
	refused(t, "nothing was stored", err, chat.ReasonUserNotFound)
}

func TestProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	id := w.join(t, "ada").User.ID
	name, avatar, empty := "Ada L.", "blobs/7", ""
	u, err := w.UpdateProfile(ctx, id, account.ProfileChange{Name: &name, Attributes: map[string]string{"team": "x"}, SetAttributes: true})
	assert.NoError(t, "update", err)
	assert.True(t, "changed", u.Name == name && u.Attributes["team"] == "x" && u.Version == 2)
	u, err = w.UpdateProfile(ctx, id, account.ProfileChange{Name: &name})
	assert.True(t, "nothing new keeps the version", err == nil && u.Version == 2)
	u, err = w.UpdateProfile(ctx, id, account.ProfileChange{Avatar: &avatar, Attributes: map[string]string{"lost": "x"}})
	assert.True(t, "attributes stay where they are not set", err == nil && u.Version == 3 && u.Attributes["team"] == "x" && u.Avatar == avatar)
	u, err = w.UpdateProfile(ctx, id, account.ProfileChange{Name: &empty, SetAttributes: true})
	assert.True(t, "cleared", err == nil && u.Name == "" && len(u.Attributes) == 0 && u.Version == 4)
	profiles, err := w.Profiles(ctx, []chat.UserID{9_999, id})
	assert.NoError(t, "profiles", err)
	assert.Equal(t, "profiles", profiles, []account.Profile{{User: id, Avatar: avatar, Version: 4}})
	_, err = w.Profiles(ctx, make([]chat.UserID, 1_001))
	refused(t, "1,001 profiles", err, chat.ReasonFieldTooLarge)
	long := strings.Repeat("é", 129)
	_, err = w.UpdateProfile(ctx, id, account.ProfileChange{Name: &long})
	refused(t, "a long name", err, chat.ReasonFieldTooLarge)
}

func TestDeleteAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	g := w.join(t, "ada")
	refused(t, "wrong password", w.DeleteAccount(ctx, g.User.ID, "wrong password"), chat.ReasonSignInFailed)
	assert.NoError(t, "delete", w.DeleteAccount(ctx, g.User.ID, password))
	// S-11: the connections of a user that is gone close with 4302, as those of a disabled one do.
	assert.Equal(t, "told", w.revocations(), []account.Revocation{{User: g.User.ID, Reason: chat.ReasonUserDisabled}})
	_, err := w.Authenticate(ctx, g.Tokens.Access, "")
	refused(t, "access token", err, chat.ReasonSignedOut)
	_, err = w.refresh(t, g.Tokens.Refresh)
	refused(t, "refresh token", err, chat.ReasonTokenInvalid)
	_, err = w.SignIn(ctx, credentials("ada", password))
	refused(t, "password", err, chat.ReasonSignInFailed)
	_, err = w.Get(ctx, g.User.ID)
	refused(t, "get", err, chat.ReasonUserNotFound)
	profiles, err := w.Profiles(ctx, []chat.UserID{g.User.ID})
	assert.NoError(t, "profile", err)
	assert.Equal(t, "an empty profile that is newer", profiles, []account.Profile{{User: g.User.ID, Version: 2}})
	assert.True(t, "the name is free, the id is not", w.join(t, "ada").User.ID != g.User.ID)
	refused(t, "again", w.DeleteUser(ctx, g.User.ID), chat.ReasonUserNotFound)

	ids, _, err := w.CreateUsers(ctx, []account.NewUser{{ExternalID: "x"}})
	assert.NoError(t, "make a company's user", err)
	assert.NoError(t, "who has no password gives none", w.DeleteAccount(ctx, ids[0], ""))
}

func TestExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.join(t, "ada")
	records, err := w.Export(t.Context(), g.User.ID)
	assert.NoError(t, "export", err)
	all := ""
	for _, r := range records {
		all += r.Kind + " " + string(r.JSON) + "\n"
	}
	for _, want := range []string{"user {", "device {", `"handle":"ada"`, `"name":"phone"`} {
		assert.True(t, "has "+want, strings.Contains(all, want))
	}
	assert.True(t, "has no hash", !strings.Contains(all, "argon2id") && !strings.Contains(all, "efresh"))
}

func TestIssueToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ids, _, err := w.CreateUsers(t.Context(), []account.NewUser{{ExternalID: "bot", Admin: true}})
	assert.NoError(t, "create", err)
	g, err := w.IssueToken(t.Context(), ids[0], account.NewDevice{Name: "bot", Platform: account.PlatformServer})
	assert.NoError(t, "issue", err)
	id, err := w.Authenticate(t.Context(), g.Tokens.Access, "")
	assert.True(t, "its identity", err == nil && id.User == ids[0] && id.Admin && !id.Server)
	_, err = w.IssueToken(t.Context(), 777, account.NewDevice{})
	refused(t, "for nobody", err, chat.ReasonUserNotFound)
	_, err = w.IssueToken(t.Context(), ids[0], account.NewDevice{Platform: 99})
	refused(t, "an unknown platform", err, chat.ReasonFieldInvalid)
	no := false
	_, err = w.UpdateUser(t.Context(), ids[0], account.UserChange{Admin: &no})
	assert.NoError(t, "no administrator any more", err)
	id, err = w.Authenticate(t.Context(), g.Tokens.Access, "")
	assert.True(t, "at once", err == nil && !id.Admin)
}
