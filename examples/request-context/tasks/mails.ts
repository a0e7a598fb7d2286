import { requestContext, urlFor } from 'celeriac'
import { z } from 'zod'
import { app } from '../app.ts'
import { sendMail } from '../models/outbox.ts'
import { userHere } from './user.ts'

const SUBJECTS: Readonly<Record<string, string>> = { de: 'Ihr Bericht', en: 'Your report', fr: 'Votre rapport' }

/** Tells the user that the report is there, in the browser's language. A child of the task that wrote it, and it is run twice. */
export const mailReport = app.task({
  name: 'mails.report',
  input: z.strictObject({ id: z.uuid(), title: z.string() }),
  retry: { max: 5, delay: '300ms' },
  async run({ id, title }, ctx) {
    const { name, email } = userHere()
    const language = requestContext()?.headers?.['accept-language']?.slice(0, 2) ?? 'en'
    const subject = `${SUBJECTS[language] ?? SUBJECTS.en}: ${title}`
    const text = `Hello ${name},\n\n${urlFor(`/reports/${id}`, { from: 'mail' })}\n`
    await sendMail({ id, to: email, subject, text }, ctx.attempt)
  },
})
