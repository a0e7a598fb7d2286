import './tasks/hooks.ts'
import './tasks/lesson.ts'
import './tasks/mails.ts'
import './tasks/reports.ts'

/*
 * Everything that a worker runs: `celeriac worker -A tasks.ts`.
 */

export { app } from './app.ts'
