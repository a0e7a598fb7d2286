import { html } from 'hono/html'
import type { Entry } from '../models/journal.ts'
import type { Mail } from '../models/outbox.ts'
import type { Report } from '../models/reports.ts'
import { NAMES } from '../models/users.ts'

/*
 * The pages. `html` escapes what is put into them.
 */

type Html = ReturnType<typeof html>

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; color: #222 }
  pre { background: #f4f4f1; padding: .75rem; white-space: pre-wrap; overflow-wrap: anywhere } table { border-collapse: collapse; width: 100% }
  td, th { border-bottom: 1px solid #ddd; padding: .25rem .5rem .25rem 0; text-align: left } form { margin: 1rem 0 }
  button, input { font: inherit; padding: .25rem .5rem }`

/** A page; `refresh`: the browser loads it again after as many seconds. */
export function layout(title: string, content: Html, refresh?: number): Html {
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${
    refresh ? html`<meta http-equiv="refresh" content="${refresh}">` : ''
  }
<title>${title}</title><style>${STYLE}</style></head>
<body><h1>${title}</h1>${content}</body></html>`
}

export function loginPage(message = ''): Html {
  return layout(
    'Reports',
    html`<p>${message}</p><form method="post" action="/login">Who are you?
${NAMES.map((name) => html`<button name="name" value="${name}">${name}</button> `)}</form>`,
  )
}

export function homePage(user: string): Html {
  return layout(
    `Reports for ${user}`,
    html`<form method="post" action="/reports"><input name="title" value="turnips" required maxlength="100">
<button>Write a report</button></form>
<p>When it is written, a mail comes to your <a href="/outbox">outbox</a>.</p>
<h2>What cannot be sent</h2>
<form method="post" action="/lesson">Call a task with
${['data', 'instance', 'socket', 'context'].map((what) => html`<button name="what" value="${what}">${what}</button> `)}</form>
<form method="post" action="/logout"><button>Log out</button></form>`,
  )
}

export function reportPage({ title, text }: Report): Html {
  return layout(title, html`<p>${text}</p><p><a href="/outbox">Outbox</a></p>`)
}

export function writingPage(): Html {
  return layout('The report is being written', html`<p>This page looks again by itself.</p>`, 1)
}

export function outboxPage(mails: readonly Mail[], entries: readonly Entry[]): Html {
  return layout(
    'Outbox',
    html`${mails.map(({ to, subject, text }) => html`<h2>${subject}</h2><p>to ${to}</p><pre>${text}</pre>`)}
<h2>Journal</h2><table><tr><th>task<th>state<th>request</tr>
${entries.map((one) => html`<tr><td>${one.task}<td>${one.state}<td>${one.request}</tr>\n`)}</table>
<p><a href="/outbox">Look again</a> · <a href="/">Reports</a></p>`,
  )
}

export function messagePage(title: string, message: string): Html {
  return layout(title, html`<p>${message}</p><p><a href="/">Reports</a></p>`)
}
