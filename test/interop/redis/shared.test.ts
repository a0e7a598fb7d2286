import { shared } from '../suites/shared.ts'

shared()
