package main

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// TestTrendSurvivesARestart: states that came late and a correction move the past of the running binary, over REST; after
// a restart every past day and the whole trend answer the same.
func TestTrendSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, "--demo")
	const path = buende + "/implementations"
	trend := "/v1/progress:trend?groupBy=municipality&interval=month&fromDate=2024-01-01&toDate=2024-04-30&filter=" + `ags%3D%2205758004%22`
	online := func() string {
		t.Helper()
		var figures []string
		points, _ := at(p.get(trend), "total", "points").([]any)
		for _, point := range points {
			figures = append(figures, fmt.Sprintf("%v:%v", at(point, "date"), at(point, "online")))
		}
		return strings.Join(figures, " ")
	}
	missing, _ := at(p.get(buende+"/gaps?filter=kind%3DMISSING&pageSize=1"), "gaps", 0, "publicService").(string)
	table := "leika_key;phase;seit;reifegrad\n99102013002000;online;5.2.2024;3\n" + strings.TrimPrefix(missing, "publicServices/") + ";online;1.3.2024;3\n"
	p.do(http.StatusOK, http.MethodPost, path+":import?force=true", table)
	if got, want := online(), "2024-01-31:0 2024-02-29:1 2024-03-31:2 2024-04-30:2"; got != want {
		t.Errorf("states that came late: %s, want %s", got, want)
	}
	p.do(http.StatusOK, http.MethodPatch, path+"/99102013002000", `{"phaseDate": "2024-04-01"}`)
	if got, want := online(), "2024-01-31:0 2024-02-29:0 2024-03-31:1 2024-04-30:2"; got != want {
		t.Errorf("after a correction: %s, want %s", got, want)
	}
	paths := []string{
		trend, "/v1/progress:trend", "/v1/progress:trend?groupBy=district&interval=week", "/v1/progress?groupBy=theme&asOf=2024-03-15",
		path + "?asOf=2024-03-15", path + "/99102013002000?asOf=2024-04-01", buende + "/gaps?asOf=2024-03-15", buende + "/onlineServices?asOf=2024-03-15",
	}
	before := map[string]any{}
	for _, path := range paths {
		before[path] = p.get(path)
	}
	if n := at(before[path+"?asOf=2024-03-15"], "totalSize"); fmt.Sprint(n) != "1" {
		t.Errorf("%v implementations on 2024-03-15, want 1", n)
	}
	p.stop()
	p = start(t, dir)
	for _, path := range paths {
		if after := p.get(path); !reflect.DeepEqual(after, before[path]) {
			t.Errorf("%s\n%v\nbefore the restart\n%v", path, after, before[path])
		}
	}
	p.stop()
}
