/* An app with a defect: it rejects where it must not. */
import { App } from '../../../src/app/app.ts'
import { internalsOf } from '../../../src/app/internals.ts'
import { hostile } from './values.ts'

export const app: App = new App()

Object.assign(internalsOf(app), { runJob: () => Promise.reject(hostile('revoked')) })
