import { libc } from './core.ts'

const mallocTrim = libc.func('int malloc_trim(size_t pad)')

/** Gives the kernel back what the C library's allocator holds and nobody uses (malloc_trim(3)). */
export function trimAllocator(): void {
  mallocTrim(0)
}
