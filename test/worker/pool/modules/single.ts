import { App } from '../../../../src/app/app.ts'

export const settings = { name: 'no app' }
export const mine = new App({ name: 'mine' })
export const again = mine
