import './app/tasks/processings.ts'
import './app/tasks/requests.ts'

/*
 * Everything that a worker runs and beat sends: `celeriac worker -A tasks.ts -B`.
 */

export { app } from './app/celeriac.ts'
