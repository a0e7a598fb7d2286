import { randomUUID } from 'node:crypto'
import type { Context } from 'hono'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { journal } from '../models/journal.ts'
import { outbox } from '../models/outbox.ts'
import { reports } from '../models/reports.ts'
import { findUser } from '../models/users.ts'
import { writeReport } from '../tasks/reports.ts'
import { callGreet } from './lesson.ts'
import { homePage, loginPage, messagePage, outboxPage, reportPage, writingPage } from './pages.ts'
import { type Env, loggedIn, logIn, logOut } from './session.ts'

/** Bytes of a form. */
const MAX_FORM = 16 * 1024

/** The views, to be put behind the session. */
export const views: Hono<Env> = new Hono<Env>()

views.use(bodyLimit({ maxSize: MAX_FORM }))
views.get('/', (c) => c.html(c.get('user') ? homePage(c.get('user')?.name ?? '') : loginPage()))
views.post('/login', login)
views.post('/logout', (c) => {
  logOut(c)
  return c.redirect('/', 303)
})
views.post('/reports', loggedIn, postReport)
views.get('/reports/:id', loggedIn, showReport)
views.get('/outbox', loggedIn, showOutbox)
views.post('/lesson', loggedIn, callGreet)

async function login(c: Context<Env>): Promise<Response> {
  const { name } = await c.req.parseBody()
  const user = findUser(name)
  if (!user) return c.html(loginPage('There is nobody of this name.'), 403)
  await logIn(c, user)
  return c.redirect('/', 303)
}

/** Has a report written, and leads to the page where it will be. Neither address nor user is handed over: the task knows them. */
async function postReport(c: Context<Env>): Promise<Response> {
  const { title } = await c.req.parseBody()
  if (typeof title !== 'string' || !/^[^\p{Cc}]{1,100}$/u.test(title))
    return c.html(messagePage('No title', 'expected a title of 1 to 100 characters'), 422)
  const id = randomUUID()
  await writeReport.delay({ id, title })
  return c.redirect(`/reports/${id}`, 303)
}

/** Only for whom it was written. */
async function showReport(c: Context<Env>): Promise<Response> {
  const id = c.req.param('id') ?? ''
  if (!/^[\da-f-]{36}$/.test(id)) return c.html(messagePage('No such report', 'expected the id of a report'), 404)
  const report = await reports.find(id)
  if (!report) return c.html(writingPage(), 202)
  if (report.owner !== c.get('user')?.name) return c.html(messagePage('No such report', 'It is not yours.'), 404)
  return c.html(reportPage(report))
}

async function showOutbox(c: Context<Env>): Promise<Response> {
  const { name, email } = c.get('user') ?? {}
  const [mails, entries] = await Promise.all([outbox.all(), journal.all()])
  return c.html(
    outboxPage(
      mails.filter((mail) => mail.to === email),
      entries.filter((entry) => entry.user === name),
    ),
  )
}
