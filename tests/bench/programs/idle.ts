/** Does nothing, and stays: what the runtime itself has in memory. */
setInterval(() => {}, 60_000);
export {};
