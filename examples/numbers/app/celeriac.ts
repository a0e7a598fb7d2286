import { Celeriac } from 'celeriac'
import { BACKEND, BROKER, LEASE } from '../config/settings.ts'

/** The tasks' application: the server sends, beat sends at its times, workers run. */
export const app = new Celeriac({ name: 'numbers', broker: BROKER, backend: BACKEND, lease: LEASE })
