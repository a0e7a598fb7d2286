import { app } from '../app.ts'

/** Takes whatever can be sent. */
export const greet = app.task('lesson.greet', (call: { user: { name: string } }) => `Hello ${call.user.name}`)
