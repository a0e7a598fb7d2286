import { fromPython } from '../suites/fromPython.ts'

fromPython()
