import { Files } from './files.ts'

/** A mail, in the folder where mails end here: nothing is sent to anybody. */
export interface Mail {
  readonly id: string
  readonly to: string
  readonly subject: string
  readonly text: string
}

export const outbox = new Files<Mail>('outbox')

/** The post office takes no mail at the first attempt: that is what retries are for. */
export class BusyError extends Error {
  override readonly name = 'BusyError'
}

export async function sendMail(mail: Mail, attempt: number): Promise<void> {
  if (attempt === 1) throw new BusyError('the post office is busy')
  await outbox.save(mail)
}
