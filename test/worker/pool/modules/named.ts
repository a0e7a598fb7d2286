import { App } from '../../../../src/app/app.ts'

export const first = new App({ name: 'first' })
export const celeriac = new App({ name: 'celeriac' })
export const app = 'no app'
