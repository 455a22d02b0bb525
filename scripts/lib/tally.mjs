// What the suites of one `npm test` came to, with every failure named once more at the end, where it is found.

const MESSAGE_LINES = 12

/** Sums the JSON reports of vitest. */
export class Tally {
  #passed = 0
  #failed = 0
  #skipped = 0
  #failures = []

  /** Takes one suite: its project, the exit code of its runner, and its report, which a runner that crashed has not written. */
  add(project, status, report) {
    if (!report) {
      this.#fail(`${project}: the runner ended with ${status} and wrote no report`)
      return
    }
    this.#passed += report.numPassedTests
    this.#skipped += report.numPendingTests
    const named = report.testResults.flatMap((file) => failuresOf(project, file))
    for (const failure of named) this.#fail(failure)
    if (named.length === 0 && status !== 0) this.#fail(`${project}: the runner ended with ${status}`)
  }

  get good() {
    return this.#failed === 0 && this.#passed > 0
  }

  /** The failures, and as the last line the counts. */
  text() {
    const counts = `${this.#passed} passed, ${this.#failed} failed, ${this.#skipped} skipped`
    return `${[...this.#failures, counts].join('\n')}\n`
  }

  #fail(text) {
    this.#failed += 1
    this.#failures.push(`FAILED ${text}`)
  }
}

function failuresOf(project, file) {
  const tests = file.assertionResults.filter(({ status }) => status === 'failed')
  if (tests.length > 0)
    return tests.map(
      (test) => `${project}: ${file.name}: ${test.fullName}\n${shorten(test.failureMessages.join('\n'))}`,
    )
  return file.status === 'failed' ? [`${project}: ${file.name}\n${shorten(file.message ?? '')}`] : []
}

function shorten(message) {
  return message.split('\n').slice(0, MESSAGE_LINES).join('\n')
}
