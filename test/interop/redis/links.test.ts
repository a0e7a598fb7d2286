import { links } from '../suites/links.ts'

links()
