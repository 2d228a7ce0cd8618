// A session of the npm package wpapi, as its documentation shows it; prints what it saw as one JSON object.
// Arguments: address of the site, an API key, id of the article. Run in the folder that has node_modules.
"use strict";
const WPAPI = require("wpapi");
const [home, key, post] = process.argv.slice(2);

const refusal = (promise) => promise.then(() => null, (error) => [error.code, error.data && error.data.status]);

async function session() {
  const seen = {};
  const reader = await WPAPI.discover(home);
  seen.endpoint = reader._options.endpoint;
  seen.index = (await reader.root().get()).name;

  const made = [];
  for (let number = 1; number <= 5; number += 1) {
    made.push(await reader.comments().create({
      post, author_name: `Reader ${number}`, author_email: `r${number}@example.org`, content: `Comment *${number}*.`,
    }));
  }
  const reply = await reader.comments().create({
    post, parent: made[0].id, author_name: "Ada", content: "A reply.",
  });
  seen.created = [made[0].status, made[0].content.rendered, reply.parent === made[0].id];

  const pages = [];
  let page = await reader.comments().forPost(post).order("asc").perPage(2).get();
  seen.paging = [page._paging.total, page._paging.totalPages];
  for (;;) {
    pages.push(page.map((each) => each.author_name));
    if (!page._paging.next) break;
    page = await page._paging.next.get();
  }
  seen.pages = pages;
  seen.back = (await page._paging.prev.get()).length;

  seen.filtered = (await reader.comments().parent(made[0].id).get()).map((each) => each.author_name);
  seen.searched = (await reader.comments().search("Comment").exclude([made[0].id]).get()).length;
  seen.embedded = (await reader.comments().id(reply.id).embed())._embedded["in-reply-to"][0].author_name;
  seen.posts = (await reader.posts().embed().get()).map((each) => [each.title.rendered, each._embedded.replies[0].length]);
  seen.post = (await reader.posts().id(post).get()).comment_status;
  seen.headers = (await reader.comments().headers())["x-wp-total"];

  seen.refused = {
    unknown: await refusal(reader.comments().id(987654321).get()),
    status: await refusal(reader.comments().status("hold").get()),
    page: await refusal(reader.comments().perPage(1000).get()),
    twice: await refusal(reader.comments().create({
      post, author_name: "Reader 5", author_email: "r5@example.org", content: "Comment *5*.",
    })),
    empty: await refusal(reader.comments().create({ post, author_name: "Ada", content: "" })),
    nowhere: await refusal(reader.comments().create({ author_name: "Ada", content: "x" })),
    nameless: await refusal(reader.comments().create({ post, content: "x" })),
    edit: await refusal(reader.comments().id(reply.id).update({ content: "Mine." })),
    delete: await refusal(reader.comments().id(reply.id).delete()),
  };

  const editor = new WPAPI({ endpoint: seen.endpoint, username: "editor", password: key, auth: true });
  const changed = await editor.comments().id(reply.id).update({ content: "Another reply." });
  seen.changed = changed.content.raw;
  seen.held = (await editor.comments().id(reply.id).update({ status: "hold" })).status;
  seen.waiting = (await editor.comments().status("hold").context("edit").get()).map((each) => each.id === reply.id);
  seen.hidden = await refusal(reader.comments().id(reply.id).get());
  seen.approved = (await editor.comments().id(reply.id).update({ status: "approved" })).status;
  seen.trashed = (await editor.comments().id(reply.id).delete()).status;
  seen.deleted = (await editor.comments().id(reply.id).delete({ force: true })).deleted;
  seen.gone = await refusal(editor.comments().id(reply.id).get());
  const wrong = new WPAPI({ endpoint: seen.endpoint, username: "editor", password: "awk_wrong", auth: true });
  seen.wrong = await refusal(wrong.comments().id(made[0].id).update({ content: "Mine." }));

  const older = new WPAPI({ endpoint: `${home}?rest_route=/` });
  seen.older = (await older.comments().id(made[1].id).get()).author_name;
  return seen;
}

session().then(
  (seen) => process.stdout.write(JSON.stringify(seen)),
  (error) => {
    process.stderr.write(`${JSON.stringify(error)} ${error.stack}`);
    process.exitCode = 1;
  },
);
