/* A module whose children never get ready. */
import { App } from '../../../src/app/app.ts'

export const app: App = new App()

app.onChildInit(() => new Promise(() => undefined), { timeout: '10m' })
