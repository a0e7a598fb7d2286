import { context } from '../suites/context.ts'

context()
