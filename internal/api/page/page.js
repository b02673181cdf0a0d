"use strict";
// Makes an account with the invitation in the address. No token is kept: the device that signing up makes is signed out at once.
const chinese = {
  lead: "聊天服务器正在运行。", invited: "您收到了邀请", handle: "登录名", password: "密码", rule: "至少 8 个字符。", make: "创建账号",
  invitedMore: "请设置登录名和密码。此链接只能使用一次；用新服务器的链接创建的第一个账号就是管理员。",
  talk: "现在就聊天", talkMore: "在任何装有 throng 的电脑上，打开终端运行：", api: "HTTP API（OpenAPI 文档）",
  working: "正在创建…", admin: "您现在是管理员", user: "账号已创建", next: "运行下面的命令，以 $ 登录。",
  offline: "连接不上服务器，请稍后重试。如果提示名称已被占用，可能账号已经创建成功。",
  handle_taken: "这个登录名已被占用，请换一个。", handle_invalid: "登录名只能包含字母、数字和 . _ - + @，并以字母或数字开头。",
  password_invalid: "密码需要 8 个字符以上，且不超过 1,024 字节。", field_too_large: "登录名最多 64 个字符。",
  invitation_invalid: "这个邀请无效，请索取新的链接。", invitation_spent: "这个邀请已经用过了，请索取新的链接。", rate_limited: "尝试过于频繁，请稍候再试。",
};
const english = {
  make: "Make the account", working: "Making the account…", admin: "You are the administrator", user: "Your account is made", next: "Sign in as $ with the command below.",
  offline: "The server could not be reached. Try again; if the name is taken then, the account was made.",
};
const zh = navigator.language.toLowerCase().startsWith("zh");
const t = (key) => (zh ? chinese : english)[key];
const $ = (id) => document.getElementById(id);

if (zh) {
  document.documentElement.lang = "zh-CN";
  for (const e of document.querySelectorAll("[data-t]")) e.textContent = t(e.dataset.t);
}
$("command").textContent = "throng chat --url " + location.origin;

const invitation = () => new URLSearchParams(location.hash.slice(1)).get("invitation");
const show = () => { $("invited").hidden = !invitation(); };
addEventListener("hashchange", show);
show();

async function call(method, body, token) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = "Bearer " + token;
  const answer = await fetch("/throng.v1.AccountService/" + method, { method: "POST", headers, body: JSON.stringify(body) });
  return { ok: answer.ok, body: await answer.json() };
}

function made(user) {
  history.replaceState(null, "", "/"); // the invitation is spent
  $("invited").remove();
  $("command").textContent += " --user " + user.handle;
  const title = document.createElement("h2"), next = document.createElement("p"), name = document.createElement("strong");
  title.textContent = t(user.admin ? "admin" : "user");
  name.textContent = user.handle;
  const [before, after] = t("next").split("$");
  next.append(before, name, after);
  $("done").append(title, next);
  $("done").focus();
}

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = $("form").querySelector("button");
  button.disabled = true;
  button.textContent = t("working");
  $("problem").textContent = "";
  try {
    const { ok, body } = await call("SignUp", {
      handle: $("handle").value.trim(), password: $("password").value, invitation: invitation(), device: { name: "sign-up page", platform: "PLATFORM_WEB" },
    });
    if (ok) {
      call("SignOut", {}, body.tokens.accessToken).catch(() => {}); // the device is one that nobody uses
      return made(body.user);
    }
    const reason = body.details?.[0]?.debug?.reason;
    $("problem").textContent = (zh && chinese[reason]) || body.message.replace(/^./, (c) => c.toUpperCase()) + ".";
  } catch {
    $("problem").textContent = t("offline");
  }
  button.disabled = false;
  button.textContent = t("make");
});
