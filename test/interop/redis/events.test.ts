import { events } from '../suites/events.ts'

events()
