// Command x07-bundle-runtime is what x07 bundle puts programs behind: alone it
// runs nothing.
package main

import (
	"os"

	"x07/internal/bundle/app"
)

func main() { os.Exit(app.Main()) }
