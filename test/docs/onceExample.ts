/** What the lines of `docs/how-to/run-it-once.md` need around them, after an app. */
export const ONCE_EXAMPLE: string = `
import { z } from 'zod'
declare function sync(customer: string, full: boolean): Promise<void>
declare function index(document: string, text: string): Promise<void>
declare const pay: import('celeriac').Task<[order: { id: string }], void>
declare const order: { id: string }`
