import { Fatal } from 'celeriac'
import { app } from '../app.ts'

/** Who asked for what is done now. Throws Fatal where nobody did, as in a call from a shell: repeating it would not help. */
export function userHere(): { name: string; email: string } {
  const user = app.requestContext()?.values.user
  if (!user) throw new Fatal('expected a logged-in user in the request context, got none')
  return user
}
