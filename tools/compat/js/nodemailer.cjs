// nodemailer with nodemailer-mailgun-transport.
const { url, key, domain, call, packages, done } = require("./calls.cjs");

const transport = packages("nodemailer-mailgun-transport");
const mailer = packages("nodemailer").createTransport(
  transport({ auth: { api_key: key, domain }, url }),
);
const from = `Ann <ann@${domain}>`;
const queued = (info) => /Queued/.test(info.message) && info.id;

(async () => {
  await call("sendMail: text and HTML", () => mailer.sendMail({
    from, to: "bob@example.net", subject: "Hi", text: "Hello", html: "<b>Hello</b>",
  }), queued);
  await call("sendMail: names, cc, bcc, reply-to", () => mailer.sendMail({
    from, to: [{ name: "Bob", address: "bob@example.net" }, "eve@example.org"], cc: "c@example.net",
    bcc: "d@example.net", replyTo: "ann@example.net", subject: "Hi", text: "Hello",
  }), queued);
  await call("sendMail: attachment", () => mailer.sendMail({
    from, to: "bob@example.net", subject: "File", text: "See", attachments: [
      { filename: "a.txt", content: Buffer.from("plain") },
    ],
  }), queued);
  await call("sendMail: tags and variables", () => mailer.sendMail({
    from, to: "bob@example.net", subject: "Tags", text: "x", "o:tag": ["one", "two"], "v:id": "7",
  }), queued);
  await call("sendMail: refusal reaches the program", () => mailer.sendMail({
    from, to: "no address", subject: "x", text: "x",
  }).then(() => null, (error) => error), (error) => error && /not a valid address/.test(error.details ?? error.message));
  done();
})();
