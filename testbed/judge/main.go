// Command judge says what the Pod Security Standards' own library says about pods.
//
// It reads one JSON object a line, {"metadata": {...}, "spec": {...}}, and writes one a line: for every check of
// the library a string with one character a minor version, from 1.0 on, '1' where that check alone allows the pod
// and '0' where it forbids it. Below the first version of a check that check does not exist, which allows.
// A line that is no pod gives {"error": "..."}, so that line N of the output always belongs to line N of the input.
// With -list it writes the checks instead: id, level and the versions in which each changed.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/policy"
)

// newest is the last minor version that is judged: the library's own.
const newest = 37

type pod struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     corev1.PodSpec    `json:"spec"`
}

func judge(line []byte, checks []policy.Check) map[string]string {
	var judged pod
	if err := json.Unmarshal(line, &judged); err != nil {
		return map[string]string{"error": err.Error()}
	}
	answers := make(map[string]string, len(checks))
	for _, check := range checks {
		answer := make([]byte, newest+1)
		for minor := range answer {
			answer[minor] = '1'
		}
		for _, version := range check.Versions {
			allowed := byte('0')
			if version.CheckPod(&judged.Metadata, &judged.Spec).Allowed {
				allowed = '1'
			}
			for minor := version.MinimumVersion.Minor(); minor <= newest; minor++ {
				answer[minor] = allowed
			}
		}
		answers[string(check.ID)] = string(answer)
	}
	return answers
}

func list(checks []policy.Check, out *json.Encoder) error {
	for _, check := range checks {
		minors := []int{}
		for _, version := range check.Versions {
			minors = append(minors, version.MinimumVersion.Minor())
		}
		row := map[string]any{"id": check.ID, "level": check.Level, "minors": minors}
		if err := out.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

func run(in io.Reader, out *bufio.Writer, onlyList bool) error {
	encoder := json.NewEncoder(out)
	checks := policy.DefaultChecks()
	if onlyList {
		return list(checks, encoder)
	}
	reader := bufio.NewReaderSize(in, 1<<20)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 1 {
			if encodeErr := encoder.Encode(judge(line, checks)); encodeErr != nil {
				return encodeErr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		// A caller that asks pod by pod waits for its answer; one that sends many gets them in blocks.
		if reader.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}

func main() {
	onlyList := flag.Bool("list", false, "write the checks, their levels and versions, and end")
	flag.Parse()
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	err := run(os.Stdin, out, *onlyList)
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}
