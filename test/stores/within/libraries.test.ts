import { LIBRARIES } from './libraries.ts'
import { librarySuite } from './librarySuite.ts'
import { useShop } from './shop.ts'

librarySuite(useShop(), LIBRARIES)
