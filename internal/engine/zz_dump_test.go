package engine_test
import ("testing";"os";"context";"x07/internal/engine")
func TestDump(t *testing.T){ for _,k:=range kernels{ if k.name!=os.Getenv("K"){continue}; a:=compile(t,k.body,k.defs); os.RemoveAll("/tmp/dump"); engine.Run(context.Background(),a,engine.Config{CacheDir:"/tmp/dump", Input: []byte("ab c")}); os.WriteFile("/tmp/dump.wasm",a.Wasm,0644)}}
