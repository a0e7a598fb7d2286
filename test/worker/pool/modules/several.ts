import { App } from '../../../../src/app/app.ts'

export const one = new App()
export const two = new App()
